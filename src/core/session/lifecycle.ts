import type { CheckpointCommand, CloseCommand, RenewCommand } from "../model/command.ts";
import { canonical } from "../model/json.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_CHECKPOINT_BYTES } from "./limits.ts";
import { lockRules } from "./locks.ts";
import type { Seat, WorkflowState } from "./state.ts";

/** A new credential for a living seat; a lock, the end of the workflow or of the seat refuses it. */
export function decideRenew(
  state: WorkflowState,
  command: RenewCommand,
  facts: Facts,
  input: string,
): Decision {
  const seat = livingSeat(state, command.seat, facts.now);
  if (seat === undefined) return IGNORED;
  const stopped = lockedSeat(state, seat, facts);
  if (stopped !== null) return stopped;
  return { events: [{ type: "seat.renewed", seat: seat.id, input }], result: { kind: "done" } };
}

/** The agent's own state: it can crash and resume. The value goes to the sealed table. */
export function decideCheckpoint(
  state: WorkflowState,
  command: CheckpointCommand,
  facts: Facts,
  input: string,
): Decision {
  const seat = livingSeat(state, command.seat, facts.now);
  if (seat === undefined || command.bytes > MAX_CHECKPOINT_BYTES) return IGNORED;
  const stopped = lockedSeat(state, seat, facts);
  if (stopped !== null) return stopped;
  return {
    events: [
      {
        type: "checkpoint.saved",
        seat: seat.id,
        bytes: command.bytes,
        digest: facts.mac(canonical(command.value)),
        input,
      },
    ],
    result: { kind: "done" },
  };
}

/** Always possible: stopping must not depend on locks, budget or time. */
export function decideClose(state: WorkflowState, command: CloseCommand, input: string): Decision {
  if (state.status !== "open") return IGNORED;
  return {
    events: [{ type: "workflow.closed", seat: command.seat, input }],
    result: { kind: "done" },
  };
}

function livingSeat(state: WorkflowState, id: string, now: number): Seat | undefined {
  if (state.status !== "open" || now >= state.expiresAt) return undefined;
  const seat = Object.hasOwn(state.seats, id) ? state.seats[id] : undefined;
  return seat !== undefined && now < seat.expiresAt ? seat : undefined;
}

function lockedSeat(state: WorkflowState, seat: Seat, facts: Facts): Decision | null {
  if (facts.locks === null) return unrecorded({ kind: "failed", code: "locks_unavailable" });
  const ruleIds = lockRules(facts.locks, {
    tenant: state.tenant,
    human: state.human,
    agent: seat.agent,
    key: seat.jkt,
    workflow: state.workflow,
  });
  if (ruleIds.length === 0) return null;
  return unrecorded({ kind: "denied", code: "locked", policyClass: null, ruleIds });
}
