import { describe, expect, it } from "vitest";
import { verifyText } from "../tunnel/keys.ts";
import { settle } from "../tunnel/testing.ts";
import { CLOSE, MAX_BUFFERED_BYTES, MAX_IN_FLIGHT, rotationText } from "../tunnel/protocol.ts";
import { OF, SESSION, done, World } from "./testing-end.ts";

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
    expect(world.jobs[0]!.job.remainingMs()).toBe(1_000);
    await world.clock.pass(400);
    expect(world.jobs[0]!.job.remainingMs()).toBe(600);
    world.request("1");
    world.say({ t: "cut", id: "1" });
    world.say({ t: "cut", id: "unknown" });
    expect(world.jobs.map(({ job }) => job.signal.aborted)).toEqual([false, true]);
    await world.clock.pass(1_000);
    expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    expect(world.jobs[0]!.job.remainingMs()).toBe(0);
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

  it("knows the highest lock epoch it heard of, which never goes back in a session", async () => {
    const world = new World();
    world.challenge();
    world.say({ t: "welcome", now: 1, epoch: 3 });
    world.request();
    const { job } = world.jobs[0]!;
    expect(job.epoch()).toBe(3);
    world.say({ t: "beat", now: 2, epoch: 5 });
    expect(job.epoch()).toBe(5);
    world.say({ t: "beat", now: 3, epoch: 0 });
    expect(job.epoch()).toBe(5);
    await settle();
  });

  it("answers questions about its journal, however long one of them takes", async () => {
    const world = new World().live();
    world.say({ t: "seen", id: "6", call: "call_slow" });
    world.say({ t: "seen", id: "7", call: "call_1" });
    world.say({ t: "seen", id: "8", call: "call_2" });
    await settle();
    expect(world.socket.of("seen")).toEqual([
      { t: "seen", id: "7", state: "started" },
      { t: "seen", id: "8", state: "never" },
    ]);
    world.questions[0]!("committed");
    await settle();
    expect(world.socket.of("seen")[2]).toEqual({ t: "seen", id: "6", state: "committed" });
  });

  it("claims nothing where too many questions wait, and says nothing after its end", async () => {
    const world = new World().live();
    for (let at = 0; at < 33; at++) world.say({ t: "seen", id: String(at), call: "call_slow" });
    expect(world.questions).toHaveLength(32);
    await settle();
    expect(world.socket.of("seen")).toEqual([{ t: "seen", id: "32", state: "started" }]);
    world.questions[0]!("committed");
    await settle();
    world.say({ t: "seen", id: "33", call: "call_slow" });
    expect(world.questions).toHaveLength(33);
    world.end.closed();
    world.socket.open = true;
    world.questions[1]!("committed");
    await settle();
    expect(world.socket.of("seen")).toHaveLength(2);
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

  it("does no request later that it refused as busy before: its answer was that nothing happened", async () => {
    const world = new World().live();
    for (let at = 0; at < MAX_IN_FLIGHT; at++) world.request(String(at));
    world.request("more");
    world.jobs[0]?.answer(done);
    await settle();
    world.request("more");
    expect(world.jobs).toHaveLength(MAX_IN_FLIGHT);
    expect(world.ended).toEqual(["malformed"]);
  });

  it("holds no more of its requests than it lets its gateway wait for", async () => {
    const world = new World().live();
    const body = "x".repeat(8 * 1_024 * 1_024);
    for (let at = 0; at < 8; at++) world.request(String(at), { body });
    expect(world.jobs).toHaveLength(7);
    const busy = { ok: false, code: "busy", effect: "none" };
    expect(world.socket.of("answer")).toEqual([{ t: "answer", id: "7", answer: busy }]);
    world.jobs[0]!.answer(done);
    await settle();
    world.request("8", { body });
    expect(world.jobs).toHaveLength(8);
  });

  it("does not remember for ever what it refused", async () => {
    const world = new World().live();
    void world.end.drain();
    for (let at = 0; at < 8_192; at++) world.request(String(at));
    expect(world.ended).toEqual([]);
    world.request("more");
    expect(world.ended).toEqual(["malformed"]);
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

describe("a gateway that says nothing", () => {
  it("is noticed after two beats, once, and whatever comes ends that", async () => {
    const world = new World().live();
    await world.clock.pass(2_000);
    world.say({ t: "cut", id: "none" });
    await world.clock.pass(2_499);
    expect(world.silences).toHaveLength(0);
    await world.clock.pass(1);
    expect(world.silences.map(({ aborted }) => aborted)).toEqual([false]);
    world.say({ t: "beat", now: 5_004_500, epoch: 0 });
    expect(world.silences.map(({ aborted }) => aborted)).toEqual([true]);
    await world.clock.pass(2_499);
    expect(world.silences).toHaveLength(1);
    await world.clock.pass(1);
    expect(world.silences).toHaveLength(2);
    expect(world.ended).toEqual([]);
  });

  it("is not looked for elsewhere once the session is over, or before it begins", async () => {
    const early = new World();
    early.challenge();
    await early.clock.pass(4_999);
    expect(early.silences).toEqual([]);
    const world = new World().live();
    await world.clock.pass(2_500);
    world.end.stop();
    expect(world.silences.map(({ aborted }) => aborted)).toEqual([true]);
    expect(world.clock.pending).toBe(0);
  });

  it("costs what is under way only when the socket is given up", async () => {
    const world = new World().live();
    world.request();
    await world.clock.pass(999);
    expect(world.jobs[0]!.job.signal.aborted).toBe(false);
    world.end.giveUp();
    expect(world.jobs[0]!.job.signal.aborted).toBe(true);
    expect(world.ended).toEqual(["half_open"]);
    expect(world.socket.closedWith).toBe(CLOSE.timeout);
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

describe("a key that is rotated, seen from the connector", () => {
  it("is named with its own signature, good for this session alone", async () => {
    const world = new World().live();
    world.say({ t: "rotate", id: "7" });
    await settle();
    const [{ signature, ...frame } = {}] = world.socket.of("rotate");
    const { kty, crv, x } = world.next.jwk;
    expect(frame).toEqual({ t: "rotate", id: "7", key: { kty, crv, x } });
    expect(verifyText(world.next.jwk, rotationText(OF), String(signature))).toBe(true);
    world.say({ t: "rotated", id: "8" });
    world.say({ t: "drain" });
    expect(world.told).toEqual(["rotated", "drain"]);
  });

  it("is not named when it cannot be kept, or when nobody listens any more", async () => {
    const full = new World().live();
    full.keeps = false;
    full.say({ t: "rotate", id: "7" });
    const gone = new World().live();
    gone.say({ t: "rotate", id: "7" });
    gone.end.closed();
    await settle();
    expect([...full.socket.of("rotate"), ...gone.socket.of("rotate")]).toEqual([]);
  });

  it("is nothing to talk about before a session has begun", () => {
    for (const frame of [{ t: "rotate", id: "7" }, { t: "rotated", id: "7" }, { t: "drain" }]) {
      const world = new World();
      world.challenge();
      world.say(frame);
      expect(world.ended).toEqual(["malformed"]);
      expect(world.told).toEqual([]);
    }
  });
});
