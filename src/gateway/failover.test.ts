import { describe, expect, it } from "vitest";
import type { Lock } from "../core/model/lock.ts";
import { readTool, writeTool } from "../core/testing.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { OutboundAnswer } from "./ports.ts";
import { reportCall } from "./report.ts";
import { ANSWER, Bench } from "./testing.ts";

const failing = (code: FailureCode, effect: "none" | "possible"): OutboundAnswer => ({
  ...{ ok: false, code, effect },
});
const LOST = failing("connector_lost", "possible");
const DRAINING = failing("connector_unavailable", "none");
const UNSENT = failing("not_dispatched", "none");
const WRITE = writeTool().id;
const READ = readTool().id;

/** The first request meets a connector that goes; what is there then is `then`. */
async function leaving(first: OutboundAnswer, then: OutboundAnswer = ANSWER): Promise<Bench> {
  const bench = await new Bench().open();
  bench.answer = () => {
    bench.chosen = { connector: "con_2", session: "nonce of con_2" };
    bench.answer = () => Promise.resolve(then);
    return Promise.resolve(first);
  };
  return bench;
}

describe("a call whose connector is gone", () => {
  it.each([
    ["was lost under a read", READ, LOST],
    ["was about to stop", READ, DRAINING],
    ["was gone before a read was sent", READ, UNSENT],
    ["was about to stop before a change", WRITE, DRAINING],
    ["was gone before a change was sent", WRITE, UNSENT],
  ])("goes to another one that is there: it %s", async (_, tool, first) => {
    const bench = await leaving(first);
    const outcome = await bench.call(tool);
    expect(outcome).toMatchObject({ outcome: "ok" });
    expect(bench.log.slice(-5)).toEqual([
      ...["call.admitted", "sent", "call.resent", "sent", "call.settled"],
    ]);
    const [one, two] = bench.claims as { readonly [name: string]: unknown }[];
    expect(two).toEqual({
      ...one,
      txn: expect.not.stringMatching(String(one?.["txn"])) as string,
      req_wl: "con_2/nonce of con_2",
    });
    expect(bench.sent[1]?.request).toEqual(bench.sent[0]?.request);
    // Whoever looks at the call sees both tokens.
    const events = await bench.gateway().evidence.call("acme", outcome.call ?? "");
    const { tctx } = one as { readonly tctx: { readonly operation: string } };
    const told = reportCall(events, bench.state, tctx.operation)?.tokens;
    expect(told).toEqual(
      [one, two].map((claims) => {
        const { life, ...rest } = claims as { readonly life: number };
        const iat = Math.floor(bench.now / 1_000);
        return { ...rest, iat, exp: iat + life };
      }),
    );
    expect(bench.state.used.calls).toBe(1);
  });

  it("does not go as a change that may have been made: nobody knows", async () => {
    const bench = await leaving(LOST);
    expect(await bench.call(WRITE)).toMatchObject({
      outcome: "outcome_unknown",
      reason: { code: "connector_lost" },
    });
    expect(bench.sent).toHaveLength(1);
  });

  it.each([
    ["the service", failing("connection_refused", "none")],
    ["its time", failing("deadline_exceeded", "possible")],
    ["a lock that cut it", failing("interrupted", "possible")],
    ["its token", failing("token_refused", "none")],
    ["too much work", failing("busy", "none")],
  ])("is not what %s is", async (_, first) => {
    const bench = await leaving(first);
    expect(await bench.call(READ)).toMatchObject({ outcome: "failed" });
    expect(bench.sent).toHaveLength(1);
  });

  it("ends as it is when nobody else is there", async () => {
    const bench = await leaving(LOST);
    const { answer } = bench;
    bench.answer = () => {
      bench.connected = false;
      return answer();
    };
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "connector_lost" } });
    expect(bench.log.at(-1)).toBe("call.settled");
  });

  it("goes to nobody else when its agent has taken it back", async () => {
    const taken = new AbortController();
    const bench = await leaving(LOST);
    const { answer } = bench;
    bench.answer = () => {
      taken.abort();
      return answer();
    };
    await bench.call(READ, {}, { cancelled: taken.signal });
    expect(bench.sent).toHaveLength(1);
  });

  it("ends at the third connector that it loses", async () => {
    const bench = await leaving(LOST, LOST);
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "connector_lost" } });
    expect(bench.sent).toHaveLength(3);
  });

  it("has one deadline for all of them", async () => {
    const bench = await leaving(LOST);
    const { timeoutMs } = readTool();
    const { answer } = bench;
    bench.answer = () => {
      bench.elapsed += timeoutMs - 1;
      return answer();
    };
    expect(await bench.call(READ)).toMatchObject({ outcome: "ok" });
    expect(bench.sent.map((one) => one.timeoutMs)).toEqual([timeoutMs, 1]);
    const late = await leaving(LOST);
    const { answer: lost } = late;
    late.answer = () => {
      late.elapsed += timeoutMs;
      return lost();
    };
    expect(await late.call(READ)).toMatchObject({ reason: { code: "connector_lost" } });
    expect(late.sent).toHaveLength(1);
  });

  it("never left when its time was over before it could", async () => {
    const bench = await new Bench().open();
    const { timeoutMs } = readTool();
    bench.afterCommit = ({ type }) => {
      if (type !== "call.admitted") return;
      let looks = 0;
      // The clock is looked at when the time of the call begins, and again before it leaves.
      Object.defineProperty(bench, "elapsed", { get: () => (looks++ === 0 ? 0 : timeoutMs) });
    };
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "not_dispatched" } });
    expect(bench.sent).toEqual([]);
    expect(bench.state.used.calls).toBe(0);
  });

  it("goes to no other one when its time was over before it could", async () => {
    const bench = await leaving(LOST);
    bench.afterCommit = (event) => {
      if (event.type === "call.resent") bench.elapsed += readTool().timeoutMs;
    };
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "connector_lost" } });
    expect(bench.log.slice(-2)).toEqual(["call.resent", "call.settled"]);
    expect(bench.sent).toHaveLength(1);
  });

  it("does not leave unrecorded", async () => {
    const bench = await leaving(LOST);
    bench.failCommitOf = "call.resent";
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "connector_lost" } });
    expect(bench.sent).toHaveLength(1);
  });

  it("does not leave when a lock came between its record and its way out", async () => {
    const bench = await leaving(LOST);
    bench.afterCommit = (event) => {
      if (event.type === "call.resent") bench.locks = { epoch: 1, locks: [], revocations: [] };
    };
    expect(await bench.call(READ)).toMatchObject({ reason: { code: "not_dispatched" } });
    expect(bench.sent).toHaveLength(1);
  });

  it("gives nothing under a lock on the connector that it went to, also when it is asked again", async () => {
    const locked = (value: string) => {
      const locks: readonly Lock[] = [{ id: "lck_1", target: "connector", value }];
      return { epoch: 0, locks, revocations: [] };
    };
    const withheld = await leaving(LOST);
    withheld.afterCommit = (event) => {
      if (event.type === "call.settled") withheld.locks = locked("con_2");
    };
    expect(await withheld.call(READ)).toMatchObject({ reason: { code: "locked" } });

    const bench = await leaving(LOST);
    const once = { idempotencyKey: "once" };
    expect(await bench.call(READ, { region: "eu" }, once)).toMatchObject({ outcome: "ok" });
    bench.locks = locked("con_1");
    expect(await bench.call(READ, { region: "eu" }, once)).toMatchObject({ outcome: "ok" });
    bench.locks = locked("con_2");
    expect(await bench.call(READ, { region: "eu" }, once)).toMatchObject({
      reason: { code: "locked" },
    });
  });
});
