import { describe, expect, it } from "vitest";
import { type Lock, LOCK_TARGETS, type LockTable } from "../../core/model/lock.ts";
import { NEW_WORKFLOW, type Seat, type WorkflowState } from "../../core/session/state.ts";
import { narrowLocks } from "./narrow-locks.ts";
import { callCommand, openCommand } from "./testing.ts";

const seat = (id: string, jkt: string): Seat => ({
  ...{
    id,
    agent: "agent",
    jkt,
    parent: null,
    depth: 0,
    tools: [],
    expiresAt: 0,
    lockEpoch: 0,
    call: null,
  },
  limits: { calls: 0, cost: 0, runtimeMs: 0 },
  used: NEW_WORKFLOW.used,
});
const state: WorkflowState = {
  ...NEW_WORKFLOW,
  ...{ status: "open", tenant: "acme", workflow: "wf_1", human: "h" },
  seats: { a: seat("a", "key_a"), b: seat("b", "key_b") },
};
const locks: readonly Lock[] = LOCK_TARGETS.flatMap((target) =>
  ["wf_1", "h", "key_a", "key_b", "jkt", "foreign"].map((value) => ({
    ...{ id: `${target} ${value}`, target, value },
  })),
);
const table: LockTable = {
  epoch: 9,
  locks,
  revocations: [
    { id: "gone", target: "workflow", value: "wf_1", epoch: 3 },
    { id: "foreign", target: "workflow", value: "wf_2", epoch: 4 },
  ],
};
const kept = (narrow: LockTable | null, target: string): string[] =>
  (narrow?.locks ?? []).filter((one) => one.target === target).map(({ value }) => value);

describe("the locks that a decision sees", () => {
  it("are those of its own workflow, human and keys, and all others", () => {
    const narrow = narrowLocks(table, state, callCommand("call_1"));
    expect(narrow?.epoch).toBe(9);
    expect(kept(narrow, "workflow")).toEqual(["wf_1"]);
    expect(kept(narrow, "human")).toEqual(["h"]);
    expect(kept(narrow, "key")).toEqual(["key_a", "key_b"]);
    for (const target of ["tenant", "agent", "tool", "destination", "connector", "bundle"]) {
      expect(kept(narrow, target)).toHaveLength(6);
    }
    expect(narrow?.revocations).toEqual([table.revocations[0]]);
  });

  it("name whoever comes in", () => {
    const narrow = narrowLocks(table, NEW_WORKFLOW, openCommand("wf_1", ""));
    expect(kept(narrow, "workflow")).toEqual(["wf_1"]);
    expect(kept(narrow, "human")).toEqual(["h"]);
    expect(kept(narrow, "key")).toEqual(["jkt"]);
  });

  it("name the human who decides, who is not the one who started", () => {
    const decision = { type: "decideApproval", approval: "apr_1", human: "foreign" } as const;
    const command = { ...decision, kind: "k", verdict: "approve", groups: [], digest: "" } as const;
    expect(kept(narrowLocks(table, state, command), "human")).toEqual(["h", "foreign"]);
  });

  it("name everybody who has approved something, while it may be carried out", () => {
    const given = [{ kind: "k", human: "foreign", lockEpoch: 1 }];
    const approvals = [{ given } as unknown as WorkflowState["approvals"][number]];
    const narrow = narrowLocks(table, { ...state, approvals }, callCommand("call_1"));
    expect(kept(narrow, "human")).toEqual(["h", "foreign"]);
  });

  it("stay unknown where they are", () => {
    expect(narrowLocks(null, state, callCommand("call_1"))).toBe(null);
  });
});
