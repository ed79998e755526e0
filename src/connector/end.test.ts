import { describe, expect, it } from "vitest";
import { settle, testKey } from "../tunnel/testing.ts";
import { verifyText } from "../tunnel/keys.ts";
import { CLOSE, handshakeText } from "../tunnel/protocol.ts";
import { END_REASONS } from "./end.ts";
import { gatewayKey, connectorKey, NONCE, OF, done, World, vouched } from "./testing-end.ts";

describe("the handshake, seen from the connector", () => {
  it("says hello, proves itself to a gateway that proved itself, and begins", () => {
    const { socket } = new World().live();
    expect(socket.sent[0]).toEqual({
      t: "hello",
      v: 1,
      tenant: "acme",
      connector: "con_1",
      nonce: NONCE,
    });
    const signature = String(socket.of("proof")[0]?.["signature"]);
    expect(verifyText(connectorKey.jwk, handshakeText("connector", OF), signature)).toBe(true);
    expect(socket.closedWith).toBeNull();
  });

  it("does not prove itself to anybody else", () => {
    const own = handshakeText("connector", OF);
    const stale = handshakeText("gateway", { ...OF, nonce: "00".repeat(32) });
    for (const change of [
      { key: testKey() },
      { v: 2 },
      { text: own },
      { text: stale },
      { text: handshakeText("gateway", { ...OF, session: "00".repeat(16) }) },
      { text: handshakeText("gateway", { ...OF, tenant: "other" }) },
    ]) {
      const world = new World();
      world.challenge(change);
      expect(world.socket.of("proof")).toHaveLength(0);
      expect(world.socket.closedWith).toBe(CLOSE.unauthorized);
      expect(world.ended).toEqual(["gateway_unproven"]);
    }
  });

  it("says plainly when no key that it believes leads to the gateway's", () => {
    const stranger = testKey();
    const successor = testKey();
    for (const chain of [
      [],
      [vouched(stranger, successor)],
      [{ ...vouched(stranger, successor), from: gatewayKey.jwk.x }],
      [vouched(gatewayKey, successor, "other")],
      [vouched(successor, gatewayKey)],
    ]) {
      const world = new World();
      world.challenge({ key: successor, kid: successor.jwk.kid, chain });
      expect(world.socket.of("proof")).toHaveLength(0);
      expect(world.socket.closedWith).toBe(CLOSE.unauthorized);
      expect(world.ended).toEqual(["gateway_key_unknown"]);
    }
    const misnamed = new World();
    misnamed.challenge({ kid: "another" });
    expect(misnamed.ended).toEqual(["gateway_key_unknown"]);
  });

  it("follows from the key it was enrolled with to the one of now, over any that are gone", () => {
    const [second, third] = [testKey(), testKey()];
    const chain = [vouched(gatewayKey, second), vouched(second, third)];
    const world = new World();
    world.challenge({ key: third, kid: third.jwk.kid, chain });
    expect(world.socket.of("proof")).toHaveLength(1);
    // Which keys those are that it believes from now on, a live session says.
    expect(world.keys).toEqual([]);
    const impostor = new World();
    impostor.challenge({ key: testKey(), kid: third.jwk.kid, chain });
    expect(impostor.ended).toEqual(["gateway_unproven"]);
  });

  it("hears of the gateway's keys in a live session only", () => {
    const frame = { t: "keys", keys: [{ kty: "OKP", crv: "Ed25519", x: testKey().jwk.x }] };
    const early = new World();
    early.say(frame);
    expect([early.keys, early.ended]).toEqual([[], ["malformed"]]);
    const proving = new World();
    proving.challenge();
    proving.say(frame);
    expect([proving.keys, proving.ended]).toEqual([[], ["malformed"]]);
    const world = new World().live();
    world.say(frame);
    expect([world.keys, world.ended]).toEqual([[frame.keys], []]);
  });

  it("serves nothing before the welcome, and refuses frames out of turn", () => {
    for (const at of ["challenge", "welcome"] as const) {
      const world = new World();
      if (at === "welcome") world.challenge();
      world.request();
      expect(world.jobs).toHaveLength(0);
      expect(world.ended).toEqual(["malformed"]);
    }
    const skipped = new World();
    skipped.say({ t: "welcome", now: 1, epoch: 0 });
    expect(skipped.ended).toEqual(["malformed"]);
    const again = new World().live();
    again.challenge();
    expect(again.ended).toEqual(["malformed"]);
  });

  it("refuses a large frame before the welcome, and gives up on silence", async () => {
    const large = new World();
    large.end.message(`{"t":"beat","now":1,"epoch":0}${" ".repeat(4_096)}`);
    expect(large.ended).toEqual(["malformed"]);
    const silent = new World();
    await silent.clock.pass(5_000);
    expect(silent.ended).toEqual(["handshake_timeout"]);
  });

  it("has these reasons, which stand in logs", () => {
    expect(END_REASONS).toEqual([
      "lost",
      "lease",
      "half_open",
      "malformed",
      "gateway_unproven",
      "gateway_key_unknown",
      "handshake_timeout",
      "stopped",
    ]);
  });
});

describe("the fence", () => {
  it("beats each second, and aborts all work five seconds after the last beat", async () => {
    const world = new World().live();
    await world.clock.pass(3_000);
    expect(world.socket.of("beat")).toHaveLength(4);
    world.say({ t: "beat", now: 5_003_000, epoch: 0 });
    await world.clock.pass(4_500);
    // A request does not renew the lease, only a beat does.
    world.request("late");
    await world.clock.pass(499);
    expect(world.ended).toEqual([]);
    await world.clock.pass(1);
    expect(world.ended).toEqual(["lease"]);
    expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    expect(world.socket.closedWith).toBe(CLOSE.timeout);
  });

  it("aborts all work when the socket is lost, and answers nothing afterwards", async () => {
    const world = new World().live();
    world.request("0");
    world.request("1");
    world.end.closed();
    expect(world.jobs.every(({ job }) => job.signal.aborted)).toBe(true);
    world.socket.open = true;
    world.jobs[0]!.answer(done);
    await settle();
    expect(world.socket.of("answer")).toHaveLength(0);
    world.request("2");
    expect(world.jobs).toHaveLength(2);
    expect(world.ended).toEqual(["lost"]);
  });

  it("gives each session a spent set of its own", async () => {
    const first = new World().live();
    first.request();
    const second = new World().live();
    second.request();
    const { spent } = first.jobs[0]!.job;
    expect(await spent.spend("txn_1", 10_000, 0)).toBe("fresh");
    expect(await spent.spend("txn_1", 10_000, 0)).toBe("replayed");
    expect(await second.jobs[0]!.job.spent.spend("txn_1", 10_000, 0)).toBe("fresh");
  });

  it("leaves no timer behind", () => {
    const world = new World().live();
    world.end.stop();
    expect(world.clock.pending).toBe(0);
    expect(world.ended).toEqual(["stopped"]);
  });
});
