import { describe, expect, it } from "vitest";
import { signText, verifyText } from "./keys.ts";
import { CLOSE, handshakeText } from "./protocol.ts";
import { connectorKey, gatewayKey, NONCE, World } from "./testing-gateway.ts";
import { testKey } from "./testing.ts";

describe("the handshake, seen from the gateway", () => {
  it("proves its own key over both nonces, then takes the connector's proof", () => {
    const world = new World();
    const dialled = world.hello();
    const [challenge] = dialled.socket.of("challenge");
    const session = String(challenge?.["session"]);
    const text = handshakeText("gateway", {
      tenant: "acme",
      connector: "con_1",
      nonce: NONCE,
      session,
    });
    expect(verifyText(gatewayKey.jwk, text, String(challenge?.["signature"]))).toBe(true);
    world.prove(dialled);
    expect(dialled.socket.closedWith).toBeNull();
    expect(world.presenter()).toEqual({ connector: "con_1", session });
  });

  it("shows with its challenge how to find to its key", () => {
    const world = new World();
    const [from, to] = [testKey().jwk.x, gatewayKey.jwk.x];
    world.chain = [{ from, to, signature: "A".repeat(86) }];
    expect(world.hello().socket.of("challenge")).toMatchObject([{ chain: world.chain }]);
  });

  it("refuses any frame before hello, and any other before proof", () => {
    for (const frame of [
      { t: "beat" },
      { t: "proof", signature: "A".repeat(86) },
      { t: "drain" },
    ]) {
      const dialled = new World().dial();
      dialled.say(frame);
      expect(dialled.socket.closedWith).toBe(CLOSE.malformed);
    }
    const dialled = new World().hello();
    dialled.say({ t: "answer", id: "0", answer: { ok: false, code: "busy", effect: "none" } });
    expect(dialled.socket.closedWith).toBe(CLOSE.malformed);
  });

  it("refuses a large frame before the proof", () => {
    const dialled = new World().dial();
    dialled.peer.message(`{"t":"beat"}${" ".repeat(4_096)}`);
    expect(dialled.socket.closedWith).toBe(CLOSE.malformed);
  });

  it("treats unknown, revoked and wrong-key connectors alike, up to the proof", () => {
    const world = new World();
    world.enrol("con_2", { revoked: true });
    for (const [connector, key] of [
      ["con_unknown", connectorKey],
      ["con_2", connectorKey],
      ["con_1", testKey()],
    ] as const) {
      const dialled = world.hello(connector);
      expect(dialled.socket.of("challenge")).toHaveLength(1);
      world.prove(dialled, connector, key);
      expect(dialled.socket.closedWith).toBe(CLOSE.unauthorized);
    }
    expect(world.end.choose("acme", "acme", "internal")).toBeNull();
  });

  it("refuses a proof over another nonce, another session, or the gateway's own text", () => {
    const of = { tenant: "acme", connector: "con_1", nonce: NONCE };
    for (const text of [
      (session: string) => handshakeText("connector", { ...of, session, nonce: "00".repeat(32) }),
      () => handshakeText("connector", { ...of, session: "0".repeat(32) }),
      (session: string) => handshakeText("gateway", { ...of, session }),
    ]) {
      const dialled = new World().hello();
      const session = String(dialled.socket.of("challenge")[0]?.["session"]);
      dialled.say({ t: "proof", signature: signText(connectorKey.privateKey, text(session)) });
      expect(dialled.socket.closedWith).toBe(CLOSE.unauthorized);
    }
  });

  it("refuses a proof recorded from an earlier session", () => {
    const world = new World();
    const first = world.hello();
    const session = String(first.socket.of("challenge")[0]?.["session"]);
    const text = handshakeText("connector", {
      tenant: "acme",
      connector: "con_1",
      nonce: NONCE,
      session,
    });
    const proof = { t: "proof", signature: signText(connectorKey.privateKey, text) };
    first.say(proof);
    first.peer.closed();
    const second = world.hello();
    second.say(proof);
    expect(second.socket.closedWith).toBe(CLOSE.unauthorized);
  });

  it("refuses another tenant's name, an unknown tenant, another version", () => {
    const world = new World();
    const foreign = world.dial("other");
    foreign.say({ t: "hello", v: 1, tenant: "acme", connector: "con_1", nonce: NONCE });
    expect(foreign.socket.closedWith).toBe(CLOSE.unauthorized);
    const nowhere = world.dial("nobody");
    nowhere.say({ t: "hello", v: 1, tenant: "nobody", connector: "con_1", nonce: NONCE });
    expect(nowhere.socket.closedWith).toBe(CLOSE.unauthorized);
    const newer = world.dial();
    newer.say({ t: "hello", v: 2, tenant: "acme", connector: "con_1", nonce: NONCE });
    expect(newer.socket.closedWith).toBe(CLOSE.version);
  });

  it("gives up on a silent peer, and holds only so many that have not proved anything", async () => {
    const world = new World();
    const silent = world.dial();
    await world.clock.pass(4_999);
    expect(silent.socket.closedWith).toBeNull();
    await world.clock.pass(1);
    expect(silent.socket.closedWith).toBe(CLOSE.timeout);
    const many = Array.from({ length: 65 }, () => world.dial());
    expect(many.filter((one) => one.socket.closedWith !== null)).toHaveLength(1);
  });

  it("lets a connector in where strangers hold all places and say nothing", () => {
    const world = new World();
    const strangers = Array.from({ length: 64 }, () => world.dial());
    world.connect();
    expect(strangers.filter(({ socket }) => socket.closedWith !== null)).toHaveLength(1);
  });

  it("takes the place of nobody who holds the key and waits for the session of before", async () => {
    const world = new World();
    world.connect();
    const second = world.hello();
    world.prove(second);
    const strangers = Array.from({ length: 200 }, () => world.dial());
    expect(strangers.filter(({ socket }) => socket.closedWith === null)).toHaveLength(64);
    await world.clock.pass(2_000);
    expect(second.socket.of("welcome")).toHaveLength(1);
  });
});
