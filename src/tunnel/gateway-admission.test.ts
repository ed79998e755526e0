import { describe, expect, it } from "vitest";
import { CLOSE } from "./protocol.ts";
import { bare, NONCE, request, World } from "./testing-gateway.ts";
import { settle, testKey } from "./testing.ts";

describe("a second session with the same key", () => {
  it("is refused while the first one shows life", async () => {
    const world = new World();
    const first = world.connect();
    const second = world.hello();
    world.prove(second);
    expect(first.socket.of("beat")).toHaveLength(1);
    await world.clock.pass(1_000);
    first.say({ t: "beat" });
    await world.clock.pass(1_000);
    expect(second.socket.closedWith).toBe(CLOSE.duplicate);
    expect(first.socket.closedWith).toBeNull();
    expect(world.events.at(-1)).toMatchObject({ type: "session_refused", code: CLOSE.duplicate });
    // Both proved the key: that is a signal about the connector, and the only one of these cases.
    const who = { tenant: "acme", connector: "con_1" };
    expect(world.signals).toEqual([{ signal: "connector_clash", ...who, call: null }]);
  });

  it("replaces a first one that is silent for two seconds", async () => {
    const world = new World();
    const first = world.connect();
    const waiting = world.end.send("acme", world.presenter(), request);
    const second = world.hello();
    world.prove(second);
    await world.clock.pass(1_999);
    expect(second.socket.of("welcome")).toHaveLength(0);
    await world.clock.pass(1);
    expect(first.socket.closedWith).toBe(CLOSE.replaced);
    expect(await waiting).toMatchObject({ code: "connector_lost", effect: "possible" });
    expect(second.socket.of("welcome")).toHaveLength(1);
    expect(world.presenter().session).toBe(second.socket.of("challenge")[0]?.["session"]);
    expect(world.signals).toEqual([]);
  });

  it.each([
    ["another key", { publicKey: bare(testKey()) }],
    ["a lock", { revoked: true }],
  ])("does not get in on a proof from before its connector got %s", async (_, change) => {
    const world = new World();
    const first = world.connect();
    const second = world.hello();
    world.prove(second);
    world.enrol("con_1", change);
    first.peer.closed();
    await world.clock.pass(2_000);
    expect(second.socket.closedWith).toBe(CLOSE.unauthorized);
    expect(world.end.live("acme", "con_1")).toBeNull();
  });

  it("is not joined by a third one while that is undecided", async () => {
    const world = new World();
    world.connect();
    const second = world.hello();
    world.prove(second);
    const third = world.hello();
    world.prove(third);
    expect(third.socket.closedWith).toBe(CLOSE.duplicate);
    await world.clock.pass(2_000);
    expect(second.socket.of("welcome")).toHaveLength(1);
    expect(world.signals).toEqual([]);
  });

  it("is in at once where the first one has been silent for two beats, or ends", async () => {
    const silent = new World();
    const half = silent.connect();
    await silent.clock.pass(2_500);
    const next = silent.connect();
    expect(half.socket.closedWith).toBe(CLOSE.replaced);
    expect(silent.presenter().session).toBe(next.socket.of("challenge")[0]?.["session"]);
    const world = new World();
    const first = world.connect();
    const second = world.hello();
    world.prove(second);
    first.peer.closed();
    await settle();
    expect(second.socket.of("welcome")).toHaveLength(1);
    expect(world.clock.pending).toBe(1);
    expect([...silent.signals, ...world.signals]).toEqual([]);
  });

  it("has to wait for one that is silent for less than two beats", async () => {
    const world = new World();
    const first = world.connect();
    await world.clock.pass(2_499);
    const second = world.hello();
    world.prove(second);
    expect(first.socket.closedWith).toBeNull();
    expect(second.socket.of("welcome")).toHaveLength(0);
  });

  it("is in as soon as the first one has been silent for two beats, and not later", async () => {
    const world = new World();
    const first = world.connect();
    await world.clock.pass(1_500);
    const second = world.hello();
    world.prove(second);
    await world.clock.pass(999);
    expect(first.socket.closedWith).toBeNull();
    await world.clock.pass(1);
    expect(first.socket.closedWith).toBe(CLOSE.replaced);
    expect(second.socket.of("welcome")).toHaveLength(1);
    expect(world.signals).toEqual([]);
    expect(world.clock.pending).toBe(1);
  });

  it("is refused without a signal where the first one went and another came meanwhile", async () => {
    const world = new World();
    const first = world.connect();
    const second = world.hello();
    world.prove(second);
    first.peer.closed();
    const third = world.connect();
    await world.clock.pass(2_000);
    expect(second.socket.closedWith).toBe(CLOSE.duplicate);
    expect(third.socket.closedWith).toBeNull();
    expect(world.signals).toEqual([]);
  });

  it("says nothing more once its own socket is gone, or the gateway stops", async () => {
    const world = new World();
    world.connect();
    const second = world.hello();
    world.prove(second);
    second.peer.closed();
    await world.clock.pass(2_000);
    expect(second.socket.of("welcome")).toHaveLength(0);
    const stopped = new World();
    const there = stopped.connect();
    const waiting = stopped.hello();
    stopped.prove(waiting);
    stopped.end.close();
    await settle();
    expect(there.socket.closedWith).toBe(CLOSE.goingAway);
    expect(waiting.socket.closedWith).toBe(CLOSE.goingAway);
    await stopped.clock.pass(2_000);
    expect(waiting.socket.of("welcome")).toHaveLength(0);
  });
});

describe("a connector that doubts its socket", () => {
  it("hears a beat there before it hears the challenge elsewhere, however often somebody asks", async () => {
    const world = new World();
    const first = world.connect();
    await world.clock.pass(1_249);
    world.hello();
    expect(first.socket.of("beat")).toHaveLength(1);
    await world.clock.pass(1);
    for (let n = 0; n < 10; n++) world.hello();
    expect(first.socket.of("beat")).toHaveLength(2);
    await world.clock.pass(250);
    world.hello();
    expect(first.socket.of("beat")).toHaveLength(3);
  });

  it("proves nothing on the second one, and goes, without a signal", async () => {
    const world = new World();
    const first = world.connect();
    const second = world.hello();
    expect(second.socket.of("challenge")).toHaveLength(1);
    second.peer.closed();
    await world.clock.pass(2_000);
    first.say({ t: "beat" });
    expect(first.socket.closedWith).toBeNull();
    expect(world.signals).toEqual([]);
  });

  it("is told nothing about the connectors of others", () => {
    const world = new World();
    const first = world.connect();
    const stranger = world.dial("other");
    stranger.say({ t: "hello", v: 1, tenant: "other", connector: "con_1", nonce: NONCE });
    expect(stranger.socket.of("challenge")).toHaveLength(1);
    expect(first.socket.of("beat")).toHaveLength(0);
  });
});

describe("those who have not proved anything", () => {
  it("are not those who wait for what their first session does", () => {
    const world = new World();
    for (let n = 0; n < 70; n++) {
      world.enrol(`con_${n}`);
      world.connect(`con_${n}`);
    }
    for (let n = 0; n < 70; n++) world.prove(world.hello(`con_${n}`), `con_${n}`);
    expect(world.dial().socket.closedWith).toBeNull();
  });
});
