import { describe, expect, it } from "vitest";
import { FakeClock, FakeSocket, settle, testKey } from "../tunnel/testing.ts";
import { signText, verifyText } from "../tunnel/keys.ts";
import {
  CLOSE,
  MAX_BUFFERED_BYTES,
  MAX_IN_FLIGHT,
  handshakeText,
  type ConnectorAnswer,
} from "../tunnel/protocol.ts";
import { ConnectorEnd, END_REASONS, type EndReason, type Job } from "./end.ts";

const gatewayKey = testKey();
const connectorKey = testKey();
const SESSION = "5e".repeat(16);
const NONCE = "cd".repeat(32);
const OF = { tenant: "acme", connector: "con_1", nonce: NONCE, session: SESSION };

const done: ConnectorAnswer = {
  ok: true,
  status: 200,
  contentType: "text/plain",
  encoding: "utf8",
  body: "x",
  truncated: false,
};

class World {
  readonly clock = new FakeClock();
  readonly socket = new FakeSocket();
  readonly jobs: { job: Job; answer: (answer: ConnectorAnswer) => void }[] = [];
  readonly began: string[] = [];
  readonly ended: EndReason[] = [];
  readonly end: ConnectorEnd;

  constructor() {
    this.end = new ConnectorEnd(
      {
        tenant: "acme",
        connector: "con_1",
        gatewayKeys: new Map([[gatewayKey.jwk.kid, gatewayKey.jwk]]),
        sign: (text) => signText(connectorKey.privateKey, text),
      },
      this.socket,
      this.clock,
      {
        serve: (job) => new Promise((answer) => this.jobs.push({ job, answer })),
        seen: (call) => (call === "call_1" ? "started" : "never"),
        nonce: () => NONCE,
        began: (session) => this.began.push(session),
        ended: (reason) => this.ended.push(reason),
      },
    );
  }

  say(frame: unknown): void {
    this.end.message(JSON.stringify(frame));
  }

  challenge(
    change: { kid?: string; v?: number; text?: string; key?: typeof gatewayKey } = {},
  ): void {
    const {
      kid = gatewayKey.jwk.kid,
      v = 1,
      text = handshakeText("gateway", OF),
      key = gatewayKey,
    } = change;
    const signature = signText(key.privateKey, text);
    this.say({ t: "challenge", v, session: SESSION, kid, signature });
  }

  live(): this {
    this.challenge();
    this.say({ t: "welcome", now: 5_000_000, epoch: 0 });
    expect(this.began).toEqual([SESSION]);
    return this;
  }

  request(id = "0"): void {
    this.say({
      t: "request",
      id,
      token: "token",
      operation: {
        http: { method: "GET", destination: "tickets", path: "/", query: "", contentDigest: null },
      },
      body: null,
      contentType: null,
      cap: 10,
      timeoutMs: 1_000,
    });
  }
}

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
      { kid: "another" },
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
      "malformed",
      "gateway_unproven",
      "handshake_timeout",
      "stopped",
    ]);
  });
});

describe("a session, seen from the connector", () => {
  it("hands a request on with the gateway's clock and this session as presenter", async () => {
    const world = new World().live();
    await world.clock.pass(250);
    world.request();
    const { job, answer } = world.jobs[0]!;
    expect(job.presenter).toBe(`con_1/${SESSION}`);
    expect(job.now()).toBe(5_000_250);
    world.say({ t: "beat", now: 6_000_000, epoch: 0 });
    expect(job.now()).toBe(6_000_000);
    answer(done);
    await settle();
    expect(world.socket.of("answer")).toEqual([{ t: "answer", id: "0", answer: done }]);
  });

  it("aborts at the deadline, and on a cut", async () => {
    const world = new World().live();
    world.request("0");
    world.request("1");
    world.say({ t: "cut", id: "1" });
    world.say({ t: "cut", id: "unknown" });
    expect(world.jobs.map(({ job }) => job.signal.aborted)).toEqual([false, true]);
    await world.clock.pass(1_000);
    expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    expect(world.socket.closedWith).toBeNull();
  });

  it("ends on a repeated id of a request still under way", () => {
    const world = new World().live();
    world.request();
    world.request();
    expect(world.jobs).toHaveLength(1);
    expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    expect(world.ended).toEqual(["malformed"]);
  });

  it("ends on frames that are not of the protocol", () => {
    for (const text of [
      "",
      "{",
      '{"t":"answer"}',
      '{"t":"beat"}',
      '{"t":"beat","now":1,"epoch":0,"x":1}',
    ]) {
      const world = new World().live();
      world.request();
      world.end.message(text);
      expect(world.ended).toEqual(["malformed"]);
      expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    }
  });

  it("answers questions about its journal", () => {
    const world = new World().live();
    world.say({ t: "seen", id: "7", call: "call_1" });
    world.say({ t: "seen", id: "8", call: "call_2" });
    expect(world.socket.of("seen")).toEqual([
      { t: "seen", id: "7", state: "started" },
      { t: "seen", id: "8", state: "never" },
    ]);
  });

  it("is busy at its cap, and behind a gateway that does not read", () => {
    const world = new World().live();
    for (let at = 0; at < MAX_IN_FLIGHT; at++) world.request(String(at));
    world.request("more");
    expect(world.jobs).toHaveLength(MAX_IN_FLIGHT);
    const busy = { ok: false, code: "busy", effect: "none" };
    expect(world.socket.of("answer")).toEqual([{ t: "answer", id: "more", answer: busy }]);
    const slow = new World().live();
    slow.socket.bufferedBytes = MAX_BUFFERED_BYTES + 1;
    slow.request();
    expect(slow.jobs).toHaveLength(0);
    expect(slow.socket.of("answer")).toEqual([{ t: "answer", id: "0", answer: busy }]);
  });

  it("says so where an answer does not fit into a frame", async () => {
    const world = new World().live();
    world.request();
    world.jobs[0]!.answer({ ...done, body: "a".repeat(12 * 1_024 * 1_024) });
    await settle();
    const answer = { ok: false, code: "response_too_large", effect: "possible" };
    expect(world.socket.of("answer")).toEqual([{ t: "answer", id: "0", answer }]);
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

describe("draining", () => {
  it("tells the gateway, refuses new work, finishes the old", async () => {
    const world = new World().live();
    world.request("0");
    let drained = false;
    void world.end.drain().then(() => (drained = true));
    expect(world.socket.of("drain")).toEqual([{ t: "drain" }]);
    world.request("1");
    const answer = { ok: false, code: "connector_unavailable", effect: "none" };
    expect(world.socket.of("answer")).toEqual([{ t: "answer", id: "1", answer }]);
    await settle();
    expect(drained).toBe(false);
    world.jobs[0]!.answer(done);
    await settle();
    expect(drained).toBe(true);
    expect(world.socket.of("answer")).toHaveLength(2);
  });

  it("is over at once where nothing is under way, or the session is lost", async () => {
    await new World().live().end.drain();
    const world = new World().live();
    world.request();
    const draining = world.end.drain();
    world.end.closed();
    await draining;
  });
});
