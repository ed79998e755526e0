import { describe, expect, it } from "vitest";
import {
  ALLOW,
  approvalKind,
  approve,
  bundleOf,
  DENY,
  needing,
  writeTool,
} from "../core/testing.ts";
import type { Outcome } from "../core/model/outcome.ts";
import { ANSWER, Bench, CALLER, PREVIEW } from "./testing.ts";
import { undoCall, undoPlan } from "./undo.ts";

const LOST = { ok: false, code: "connector_lost", effect: "possible" } as const;

const BACK: typeof PREVIEW = {
  ...PREVIEW,
  read: () => ({
    ok: true,
    before: { amount: 2 },
    after: { amount: 1 },
    change: [
      { op: "test", path: "/amount", value: 2 },
      { op: "replace", path: "/amount", value: 1 },
    ],
    classes: ["ticket"],
    etag: '"v2"',
  }),
};

/** A change that humans approved and that was carried out. */
async function changed(): Promise<{ readonly bench: Bench; readonly call: string }> {
  const bench = new Bench([writeTool({ preview: ["secret", "ticket"] })], {
    approvalKinds: [approvalKind("finance")],
  });
  bench.script = needing("finance");
  bench.undo = (_args, { before }) => ({ tool: "tickets_open", arguments: { was: before } });
  await bench.open();
  await bench.call("tickets_open", { id: 7 });
  await bench.submit(approve(bench.state.approvals[0]!));
  const done = await bench.call("tickets_open", { id: 7 });
  expect(done.outcome).toBe("ok");
  return { bench, call: done.call };
}

async function undone(bench: Bench, call: string): Promise<Outcome> {
  const answer = await undoCall(bench.gateway(), CALLER, call, 0);
  if (!("outcome" in answer)) throw new Error(answer.code);
  return answer.outcome;
}

describe("an undo", () => {
  it("asks humans for the inverse, and tells its agent what it is about", async () => {
    const { bench, call } = await changed();
    bench.preview = BACK;
    expect(await undone(bench, call)).toMatchObject({
      outcome: "human_approval_required",
      approval: {
        summary: expect.stringContaining('on {"was":{"amount":1}}'),
        proposedDiff: [{ value: 2 }, { value: 1 }],
      },
    });
  });

  it("is not carried out by an approval of another change that the same arguments would make", async () => {
    const { bench, call } = await changed();
    const plain = (): Promise<Outcome> => bench.call("tickets_open", { was: { amount: 1 } });
    expect((await plain()).outcome).toBe("human_approval_required");
    await bench.submit(approve(bench.state.approvals.at(-1)!));
    const sent = bench.sent.length;
    expect(await undone(bench, call)).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "approval_stale" },
    });
    expect(bench.sent).toHaveLength(sent);
  });

  it("keeps what was there before from an agent that may not see all of it", async () => {
    const { bench, call } = await changed();
    bench.preview = BACK;
    const before = bench.script;
    bench.script = (question) =>
      question.resource.id === "secret" && question.human !== true ? DENY : before(question);
    expect(await undone(bench, call)).toMatchObject({
      approval: { summary: expect.stringContaining("on a target that is not shown") },
    });
  });

  it("tells nothing of it either where its tool has no preview", async () => {
    const { bench, call } = await changed();
    bench.tools = [writeTool({ preview: null })];
    bench.bundle = bundleOf(bench.tools, undefined, undefined, {
      approvalKinds: [approvalKind("finance")],
    });
    const outcome = await undone(bench, call);
    expect(outcome).toMatchObject({
      outcome: "human_approval_required",
      approval: { summary: expect.stringContaining("on a target that is not shown") },
    });
  });

  it("is refused when the state moved on: it would be another change", async () => {
    const { bench, call } = await changed();
    expect(await undone(bench, call)).toMatchObject({
      outcome: "failed",
      reason: { code: "preview_stale" },
    });
    expect(bench.state.approvals).toHaveLength(1);
  });

  it("needs what was seen then: kept with the call, or with the preview that was approved", async () => {
    const { bench, call } = await changed();
    bench.preview = BACK;
    const preview = bench.state.approvals[0]!.call;
    bench.kept.delete(`${call}/observation`);
    expect(await undone(bench, call)).toMatchObject({ outcome: "human_approval_required" });
    bench.kept.delete(`${preview}/observation`);
    expect(await undoCall(bench.gateway(), CALLER, call)).toEqual({ code: "not_observed" });
  });

  it("waits for the end of a call of which nobody knows, and goes on when it is known", async () => {
    const { bench } = await changed();
    bench.answer = () => Promise.resolve(LOST);
    bench.preview = PREVIEW;
    await bench.call("tickets_open", { id: 8 });
    bench.answer = () => Promise.resolve(ANSWER);
    const asked = await bench.call("tickets_open", { id: 8 });
    expect(asked.outcome).toBe("human_approval_required");
    await bench.submit(approve(bench.state.approvals.at(-1)!));
    bench.answer = () => Promise.resolve(LOST);
    const { call } = await bench.call("tickets_open", { id: 8 });
    expect(await undoCall(bench.gateway(), CALLER, call)).toEqual({ code: "outcome_unknown" });
    bench.answer = () => Promise.resolve(ANSWER);
    const { session } = bench.state.unknown[0]!;
    await bench.submit({ type: "reconcile", call, session, finding: "committed" });
    bench.preview = BACK;
    expect(await undone(bench, call)).toMatchObject({ outcome: "human_approval_required" });
  });

  it("of what changed nothing, or did not happen, is none", async () => {
    const { bench, call } = await changed();
    const preview = bench.state.approvals[0]!.call;
    for (const one of [call, preview]) {
      const kept = bench.kept.get(`${one}/observation`) as object;
      bench.kept.set(`${one}/observation`, { ...kept, change: [] });
    }
    expect(await undoCall(bench.gateway(), CALLER, call)).toEqual({ code: "not_committed" });
    expect(await undoCall(bench.gateway(), CALLER, preview)).toEqual({ code: "not_committed" });
  });

  it("goes out over HTTP with the tag of the state that the call left, and not without one", async () => {
    for (const etag of ['"v2"', undefined]) {
      const bench = new Bench([writeTool({ preview: ["ticket"] })], {
        approvalKinds: [approvalKind("finance")],
      });
      bench.script = needing("finance");
      bench.undo = (_args, { before }) => ({ tool: "tickets_open", arguments: { was: before } });
      await bench.open();
      await bench.call("tickets_open", { id: 7 });
      await bench.submit(approve(bench.state.approvals[0]!));
      bench.answer = () => Promise.resolve({ ...ANSWER, ...(etag !== undefined && { etag }) });
      const { call } = await bench.call("tickets_open", { id: 7 });
      // Nobody has to be asked about the way back.
      bench.script = () => ALLOW;
      const sent = bench.sent.length;
      const outcome = await undone(bench, call);
      if (etag === undefined) {
        expect(outcome).toMatchObject({ reason: { code: "preview_unavailable" } });
        expect(bench.sent).toHaveLength(sent);
      } else {
        expect(outcome.outcome).toBe("ok");
        expect(bench.sent.at(-1)?.request.preview?.etag).toBe('"v2"');
      }
    }
  });

  it.each([
    ["another human's", { human: "another" }],
    ["another tenant's", { tenant: "globex" }],
  ])("of %s call is one of a call that never was", async (_whose, other) => {
    const { bench, call } = await changed();
    const tried = undoCall(bench.gateway(), { ...CALLER, ...other }, call);
    expect(await tried).toEqual({ code: "call_unknown" });
  });
});

describe("the plan of an undo", () => {
  it("names what may have changed something, by when it ended, the last first", async () => {
    const bench = await new Bench([writeTool()]).open();
    const ends: (() => void)[] = [];
    bench.answer = () =>
      new Promise((resolve) => {
        ends.push(() => resolve(ANSWER));
      });
    const calls = [1, 2, 3].map((id) => bench.call("tickets_open", { id }));
    await expect.poll(() => ends.length).toBe(3);
    // The second ends first, then the first; the third is still out.
    ends[1]!();
    const second = await calls[1]!;
    ends[0]!();
    const first = await calls[0]!;
    const [third] = bench.state.inFlight;
    const steps = await undoPlan(bench.gateway(), CALLER, "wf_1");
    expect(steps?.map(({ call, code }) => [call, code])).toEqual([
      [first.call, "not_observed"],
      [second.call, "not_observed"],
      [third?.call, "outcome_unknown"],
    ]);
    ends[2]!();
    await calls[2];
  });

  it("of a workflow of nobody, or of somebody else, is none", async () => {
    const bench = await new Bench([writeTool()]).open();
    expect(await undoPlan(bench.gateway(), { ...CALLER, human: "another" }, "wf_1")).toBeNull();
  });
});
