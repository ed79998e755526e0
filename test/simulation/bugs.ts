import type { WorkflowEvent } from "../../src/core/model/event.ts";
import type { LockTable } from "../../src/core/model/lock.ts";
import type { Command } from "../../src/core/model/command.ts";
import { evolve } from "../../src/core/session/evolve.ts";
import type { WorkflowState } from "../../src/core/session/state.ts";

/** Defects that the simulation has to find; each is one line wrong somewhere. */
export const BUGS = [
  "skip-reservation",
  "admit-after-lock",
  "forward-without-beat",
  "approval-without-digest",
  "settle-twice",
  "dropped-label",
  "double-spend",
  "forgotten-key",
  "moved-write",
] as const;
export type Bug = (typeof BUGS)[number];

export function evolveWith(bug: Bug | null): typeof evolve {
  return (state, event) => spoil(bug, state, event, evolve(state, event));
}

function spoil(
  bug: Bug | null,
  before: WorkflowState,
  event: WorkflowEvent,
  after: WorkflowState,
): WorkflowState {
  if (event.type === "call.admitted") {
    if (bug === "skip-reservation") {
      return { ...after, used: before.used, seats: before.seats };
    }
    if (bug === "dropped-label") return { ...after, labels: before.labels };
  }
  if (event.type === "call.settled" && bug === "settle-twice") {
    return { ...after, inFlight: before.inFlight };
  }
  return after;
}

export function locksWith(bug: Bug | null, table: LockTable | null): LockTable | null {
  return bug === "admit-after-lock" && table !== null
    ? { ...table, locks: [], revocations: [] }
    : table;
}

export function commandWith(bug: Bug | null, state: WorkflowState, command: Command): Command {
  if (bug !== "approval-without-digest" || command.type !== "decideApproval") return command;
  const asked = state.approvals.find((one) => one.id === command.approval);
  return asked === undefined ? command : { ...command, digest: asked.digest };
}
