import { describe, expect, it } from "vitest";
import { readTool, writeTool } from "../core/testing.ts";
import type { OutboundAnswer } from "./ports.ts";
import { ANSWER, Bench } from "./testing.ts";

const READ = readTool().id;
const WRITE = writeTool().id;
const cut = (effect: "none" | "possible"): OutboundAnswer => ({
  ...{ ok: false, code: "deadline_exceeded", effect },
});

/** Taken back while it is out; the connector answers this. */
async function takenBack(tool: string, answer: OutboundAnswer) {
  const taken = new AbortController();
  const bench = await new Bench().open();
  bench.answer = () => {
    taken.abort();
    return Promise.resolve(answer);
  };
  const outcome = await bench.call(tool, {}, { cancelled: taken.signal });
  return { bench, outcome };
}

describe("a call that its agent takes back", () => {
  it.each([
    ["a read", READ, cut("possible"), "failed", "cancelled"],
    ["a change that may be made", WRITE, cut("possible"), "outcome_unknown", "cancelled"],
    ["a change that never began", WRITE, cut("none"), "failed", "cancelled"],
  ] as const)("ends as what it is: %s", async (_, tool, answer, outcome, code) => {
    const taken = await takenBack(tool, answer);
    expect(taken.outcome).toMatchObject({ outcome, reason: { code } });
    expect(taken.bench.log.at(-1)).toBe("call.settled");
  });

  it("has been made where it came too late", async () => {
    const { outcome } = await takenBack(WRITE, ANSWER);
    expect(outcome).toMatchObject({ outcome: "ok" });
  });

  it("is late where its time ran out by itself", async () => {
    const bench = await new Bench().open();
    bench.answer = () => Promise.resolve(cut("possible"));
    const { signal: cancelled } = new AbortController();
    const outcome = await bench.call(READ, {}, { cancelled });
    expect(outcome).toMatchObject({ reason: { code: "deadline_exceeded" } });
  });

  it("does not leave when it comes between admission and dispatch, and costs nothing", async () => {
    const taken = new AbortController();
    const bench = await new Bench().open();
    bench.afterCommit = ({ type }) => {
      if (type === "call.admitted") taken.abort();
    };
    const outcome = await bench.call(WRITE, {}, { cancelled: taken.signal });
    expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "not_dispatched" } });
    expect(bench.sent).toEqual([]);
    expect(bench.state.used.calls).toBe(0);
  });

  it("is not even decided when it was taken back before", async () => {
    const bench = await new Bench().open();
    const outcome = await bench.call(WRITE, {}, { cancelled: AbortSignal.abort() });
    expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "cancelled" } });
    expect(bench.log).toEqual(["workflow.opened"]);
  });
});
