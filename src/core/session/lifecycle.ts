import type {
  CheckpointCommand,
  CloseCommand,
  RenewCommand,
  ReportUsageCommand,
} from "../model/command.ts";
import { canonical } from "../model/json.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_CHECKPOINT_BYTES, MAX_REPORTED_TOKENS } from "./limits.ts";
import { lineLocks } from "./locks.ts";
import {
  chainOf,
  chainOfId,
  findSeat,
  lineLives,
  lineOf,
  type Seat,
  type WorkflowState,
} from "./state.ts";

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
  const chain = chainOf(state, seat);
  return {
    events: [{ type: "seat.renewed", seat: seat.id, chain, input }],
    result: { kind: "done" },
  };
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
        chain: chainOf(state, seat),
        bytes: command.bytes,
        digest: facts.mac(canonical(command.value)),
        input,
      },
    ],
    result: { kind: "done" },
  };
}

/**
 * What the agent's models used. Told by the agent, so believed only upwards, and never refused for
 * a ceiling: it stops the next call. A lock does not stop it either: more restraint is always let in.
 */
export function decideUsage(
  state: WorkflowState,
  command: ReportUsageCommand,
  facts: Facts,
  input: string,
): Decision {
  const seat = livingSeat(state, command.seat, facts.now);
  const { tokens } = command;
  if (seat === undefined || !(Number.isSafeInteger(tokens) && tokens > 0)) return IGNORED;
  // Sums stay exact; a ceiling that far away is none.
  if (tokens > MAX_REPORTED_TOKENS) return IGNORED;
  return {
    events: [{ type: "usage.reported", seat: seat.id, chain: chainOf(state, seat), tokens, input }],
    result: { kind: "done" },
  };
}

/**
 * Always possible: stopping must not depend on locks, budget or time. For the agent that the human
 * started; a seat that was given has no say over its giver.
 */
export function decideClose(state: WorkflowState, command: CloseCommand, input: string): Decision {
  if (state.status !== "open") return IGNORED;
  if (command.seat !== null && findSeat(state, command.seat)?.parent !== null) return IGNORED;
  const chain = chainOfId(state, command.seat);
  return {
    events: [{ type: "workflow.closed", seat: command.seat, chain, input }],
    result: { kind: "done" },
  };
}

function livingSeat(state: WorkflowState, id: string, now: number): Seat | undefined {
  if (state.status !== "open" || now >= state.expiresAt) return undefined;
  const seat = findSeat(state, id);
  if (seat === undefined) return undefined;
  return lineLives(state, lineOf(state, seat), now) ? seat : undefined;
}

function lockedSeat(state: WorkflowState, seat: Seat, facts: Facts): Decision | null {
  if (facts.locks === null) return unrecorded({ kind: "failed", code: "locks_unavailable" });
  const ruleIds = lineLocks(facts.locks, state, lineOf(state, seat));
  if (ruleIds.length === 0) return null;
  return unrecorded({ kind: "denied", code: "locked", policyClass: null, ruleIds });
}
