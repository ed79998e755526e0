import { describe, expect, it } from "vitest";
import { answerBytes } from "./answer.ts";
import {
  CLOSE,
  MAX_BODY_BYTES,
  MAX_BUFFERED_BYTES,
  MAX_IN_FLIGHT,
  MAX_OBSERVED_BYTES,
  MAX_UNASKED_BYTES,
} from "./protocol.ts";
import { bare, gatewayKey, NONCE, request, World } from "./testing-gateway.ts";
import { testKey } from "./testing.ts";

const ok = (body: string) => ({
  ok: true,
  status: 200,
  contentType: "text/plain",
  encoding: "utf8",
  body,
  truncated: false,
});

describe("a session, seen from the gateway", () => {
  it("sends a request and resolves with its answer", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const answer = world.end.send("acme", world.presenter(), request);
    const [frame] = socket.of("request");
    expect(frame).toMatchObject({ id: "0", token: "token", cap: 10, timeoutMs: 9_750 });
    say({ t: "answer", id: "0", answer: ok("0123456789") });
    expect(await answer).toEqual(ok("0123456789"));
  });

  it("does not believe an answer past the cap it named, in either encoding", async () => {
    const world = new World();
    const { say } = world.connect();
    const utf8 = world.end.send("acme", world.presenter(), request);
    say({ t: "answer", id: "0", answer: ok("0123456789a") });
    expect(await utf8).toMatchObject({ ok: false, code: "response_too_large" });
    const base64 = world.end.send("acme", world.presenter(), request);
    const body = Buffer.alloc(11).toString("base64");
    say({ t: "answer", id: "1", answer: { ...ok(body), encoding: "base64" } });
    expect(await base64).toMatchObject({ ok: false, code: "response_too_large" });
  });

  it("says of every request whether it is sealed, and with which key", async () => {
    const world = new World();
    const { socket } = world.connect();
    void world.end.send("acme", world.presenter(), request);
    const preview = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
    const more = { ...request.request, idempotencyKey: "call_1", preview };
    void world.end.send("acme", world.presenter(), { ...request, request: more });
    expect(socket.of("request")).toMatchObject([
      { idempotencyKey: null, preview: null },
      { idempotencyKey: "call_1", preview },
    ]);
  });

  it("does not believe an observation past its cap", async () => {
    const world = new World();
    const { say } = world.connect();
    const rows = (chars: number) => ({ rows: [{ a: "a".repeat(chars) }] });
    const room = MAX_OBSERVED_BYTES - JSON.stringify(rows(0)).length;
    for (const [id, before, after, taken] of [
      ["0", room, 0, true],
      ["1", room + 1, 0, false],
      ["2", 0, room + 1, false],
    ] as const) {
      const answer = world.end.send("acme", world.presenter(), request);
      const observed = { before: rows(before), after: rows(after) };
      say({ t: "answer", id, answer: { ...ok("x"), observed, etag: '"v1"' } });
      const cut = { ok: false, code: "response_too_large", effect: "possible" };
      expect(await answer).toEqual(taken ? { ...ok("x"), observed, etag: '"v1"' } : cut);
    }
  });

  it("drops answers that nobody waits for: invented, repeated, late", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const first = world.end.send("acme", world.presenter(), request);
    const second = world.end.send("acme", world.presenter(), request);
    const signal = { signal: "context_mismatch", tenant: "acme", connector: "con_1", call: null };
    say({ t: "answer", id: "99", answer: ok("evil") });
    expect(world.signals).toEqual([signal]);
    say({ t: "answer", id: "0", answer: ok("one") });
    expect(world.signals).toHaveLength(1);
    say({ t: "answer", id: "0", answer: ok("again") });
    expect(world.signals).toEqual([signal, signal]);
    expect(await first).toEqual(ok("one"));
    await world.clock.pass(500);
    say({ t: "answer", id: "1", answer: ok("two") });
    expect(await second).toEqual(ok("two"));
    expect(socket.closedWith).toBeNull();
  });

  it("blames a connector for answers that nobody asked for, not for late ones or copies of requests", async () => {
    const world = new World();
    const { say } = world.connect();
    const first = world.end.send("acme", world.presenter(), { ...request, timeoutMs: 1_000 });
    const second = world.end.send("acme", world.presenter(), { ...request, call: "call_2" });
    await world.clock.pass(1_000);
    world.end.cut("acme", new Set(["call_2"]));
    await world.clock.pass(0);
    expect([await first, await second]).toMatchObject([
      { code: "deadline_exceeded" },
      { code: "interrupted" },
    ]);
    for (const id of ["0", "1"]) say({ t: "answer", id, answer: ok("late") });
    const copy = { ok: false, code: "token_refused", effect: "possible" };
    say({ t: "answer", id: "0", answer: copy });
    expect(world.signals).toEqual([]);
    // Its answer to a question is none to a request, and late it comes once.
    void world.end.seen("acme", "con_1", "call_1");
    say({ t: "answer", id: "2", answer: ok("no request") });
    say({ t: "answer", id: "1", answer: ok("late again") });
    expect(world.signals).toHaveLength(2);
  });

  it("takes an answer that came while the gateway itself stood still, past the deadline", async () => {
    const world = new World();
    const { say } = world.connect();
    const none = { ok: false, code: "deadline_exceeded", effect: "none" } as const;
    const answer = world.end.send("acme", world.presenter(), { ...request, timeoutMs: 1_000 });
    // Timers run before what was received meanwhile is read.
    world.clock.after(1_000, () => say({ t: "answer", id: "0", answer: none }));
    await world.clock.pass(1_000);
    expect(await answer).toEqual(none);
  });

  it("has room for what is owed, and for no large frame beside it", async () => {
    const large = ok("x".repeat(MAX_UNASKED_BYTES));
    const world = new World();
    const { socket, peer, say } = world.connect();
    expect(peer.room()).toBe(MAX_UNASKED_BYTES);
    const cap = 2 * MAX_UNASKED_BYTES;
    const asked = { ...request, cap, timeoutMs: 1_000 };
    const first = world.end.send("acme", world.presenter(), asked);
    const second = world.end.send("acme", world.presenter(), asked);
    expect(peer.room()).toBe(MAX_UNASKED_BYTES + 2 * answerBytes(cap));
    say({ t: "answer", id: "0", answer: large });
    expect(await first).toEqual(large);
    await world.clock.pass(1_000);
    expect(await second).toMatchObject({ code: "deadline_exceeded" });
    // Late, it comes all the same; then nothing is owed any more.
    say({ t: "answer", id: "1", answer: large });
    expect(peer.room()).toBe(MAX_UNASKED_BYTES);
    expect(socket.closedWith).toBeNull();
    say({ t: "answer", id: "1", answer: large });
    expect(socket.closedWith).toBe(CLOSE.malformed);
  });

  it("ends at a large answer that nobody asked for, whatever else is owed", () => {
    const world = new World();
    const { socket, say } = world.connect();
    void world.end.send("acme", world.presenter(), { ...request, cap: MAX_BODY_BYTES });
    say({ t: "answer", id: "99", answer: ok("x".repeat(MAX_UNASKED_BYTES)) });
    expect(socket.closedWith).toBe(CLOSE.malformed);
    expect(world.signals).toMatchObject([{ signal: "context_mismatch", connector: "con_1" }]);
  });

  it("has room for the answer of its cap in the longest form that JSON has", () => {
    const cap = 100_000;
    const rows = { rows: [{ a: "a".repeat(MAX_OBSERVED_BYTES - 20) }] };
    const answer = { ...ok("\u0001".repeat(cap)), observed: { before: rows, after: rows } };
    const frame = {
      t: "answer",
      id: "x".repeat(32),
      answer: { ...answer, etag: `"${"e".repeat(254)}"` },
    };
    expect(JSON.stringify(frame).length).toBeLessThan(answerBytes(cap));
  });

  it("cuts a request at its deadline and says that it may have happened", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const answer = world.end.send("acme", world.presenter(), { ...request, timeoutMs: 1_000 });
    await world.clock.pass(1_000);
    expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "possible" });
    expect(socket.of("cut")).toEqual([{ t: "cut", id: "0" }]);
    say({ t: "answer", id: "0", answer: ok("late") });
    expect(socket.closedWith).toBeNull();
  });

  it("resolves everything at once when the socket is lost", async () => {
    const world = new World();
    const { peer } = world.connect();
    const presenter = world.presenter();
    const waiting = [1, 2, 3].map(() => world.end.send("acme", presenter, request));
    const asked = world.end.seen("acme", "con_1", "call_1");
    peer.closed();
    for (const answer of waiting) {
      expect(await answer).toEqual({ ok: false, code: "connector_lost", effect: "possible" });
    }
    expect(await asked).toBeNull();
    const late = await world.end.send("acme", presenter, request);
    expect(late).toEqual({ ok: false, code: "not_dispatched", effect: "none" });
    expect(world.clock.pending).toBe(0);
  });

  it("says that nothing happened where the frame never left", async () => {
    const world = new World();
    const { socket } = world.connect();
    const presenter = world.presenter();
    socket.open = false;
    const answer = await world.end.send("acme", presenter, request);
    expect(answer).toEqual({ ok: false, code: "not_dispatched", effect: "none" });
    const huge = {
      ...request,
      request: { ...request.request, body: "a".repeat(13 * 1_024 * 1_024) },
    };
    socket.open = true;
    expect(await world.end.send("acme", presenter, huge)).toMatchObject({ effect: "none" });
  });

  it("is busy at its cap of requests, and behind a peer that does not read", async () => {
    const world = new World();
    const { socket } = world.connect();
    const presenter = world.presenter();
    for (let at = 0; at < MAX_IN_FLIGHT; at++) void world.end.send("acme", presenter, request);
    expect(socket.of("request")).toHaveLength(MAX_IN_FLIGHT);
    const busy = { ok: false, code: "busy", effect: "none" };
    expect(await world.end.send("acme", presenter, request)).toEqual(busy);
    const slow = new World();
    const there = slow.connect();
    there.socket.bufferedBytes = MAX_BUFFERED_BYTES + 1;
    expect(await slow.end.send("acme", slow.presenter(), request)).toEqual(busy);
    expect(there.socket.of("request")).toHaveLength(0);
  });

  it("beats each second with time and epoch, and ends five seconds after the last frame", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    await world.clock.pass(4_000);
    expect(socket.of("beat")).toHaveLength(4);
    expect(socket.of("beat").at(-1)).toEqual({ t: "beat", now: world.clock.now(), epoch: 7 });
    say({ t: "beat" });
    await world.clock.pass(4_999);
    expect(socket.closedWith).toBeNull();
    await world.clock.pass(1);
    expect(socket.closedWith).toBe(CLOSE.timeout);
    expect(world.end.choose("acme", "acme", "internal")).toBeNull();
  });

  it("ends at the first malformed frame, and at a handshake frame out of place", async () => {
    for (const text of [
      "{",
      '{"t":"beat","x":1}',
      `{"t":"hello","v":1,"tenant":"acme","connector":"con_1","nonce":"${NONCE}"}`,
    ]) {
      const world = new World();
      const { socket, peer } = world.connect();
      const answer = world.end.send("acme", world.presenter(), request);
      peer.message(text);
      expect(socket.closedWith).toBe(CLOSE.malformed);
      expect(await answer).toMatchObject({ code: "connector_lost" });
      // What still comes in from the closing socket changes nothing.
      peer.message(JSON.stringify({ t: "answer", id: "0", answer: ok("x") }));
    }
  });

  it("says which of its keys are to be believed, before any request and whenever that changes", async () => {
    const world = new World();
    const { socket } = world.connect();
    expect(socket.sent.map(({ t }) => t)).toEqual(["challenge", "welcome", "keys"]);
    expect(socket.of("keys")).toEqual([{ t: "keys", keys: [bare(gatewayKey)] }]);
    const next = testKey();
    world.keys = [bare(gatewayKey), bare(next)];
    world.end.announceKeys("other");
    expect(socket.of("keys")).toHaveLength(1);
    world.end.announceKeys("acme");
    world.keys = [];
    world.end.announceKeys("acme");
    expect(socket.of("keys").slice(1)).toEqual([
      { t: "keys", keys: [bare(gatewayKey), bare(next)] },
      { t: "keys", keys: [] },
    ]);
  });

  it("asks the journal, and takes silence for no answer", async () => {
    const world = new World();
    const { say } = world.connect();
    const never = world.end.seen("acme", "con_1", "call_1");
    say({ t: "seen", id: "0", state: "never" });
    expect(await never).toBe("never");
    const silent = world.end.seen("acme", "con_1", "call_2");
    await world.clock.pass(2_000);
    expect(await silent).toBeNull();
    expect(await world.end.seen("acme", "con_9", "call_1")).toBeNull();
    expect(await world.end.seen("other", "con_1", "call_1")).toBeNull();
  });
});

describe("what a connector saw of a token", () => {
  const signal = { t: "signal", signal: "token_replayed", call: "call_1" };

  it("is told under the connector's own name", () => {
    const world = new World();
    world.connect().say(signal);
    const who = { tenant: "acme", connector: "con_1" };
    expect(world.signals).toEqual([{ signal: "token_replayed", ...who, call: "call_1" }]);
  });

  it("is heard sixty times a minute, and costs nothing more", async () => {
    const world = new World();
    const { say } = world.connect();
    for (let n = 0; n < 70; n++) say(signal);
    expect(world.signals).toHaveLength(60);
    for (let n = 0; n < 60; n++) {
      await world.clock.pass(1_000);
      say({ t: "beat" });
    }
    say(signal);
    expect(world.signals).toHaveLength(61);
  });

  it("is not heard of a stranger, nor in another form", () => {
    const world = new World();
    const stranger = world.hello();
    stranger.say(signal);
    expect(stranger.socket.closedWith).toBe(CLOSE.malformed);
    const { socket, say } = world.connect();
    say({ ...signal, signal: "canary_tool" });
    expect(socket.closedWith).toBe(CLOSE.malformed);
    expect(world.signals).toEqual([]);
  });
});
