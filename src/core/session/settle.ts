import type { ReconcileCommand, SettleCommand, Settlement } from "../model/command.ts";
import { hasEffect } from "../model/policy.ts";
import { type Decision, type Ending, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { lockRules } from "./locks.ts";
import { findCall, type InFlight, type WorkflowState } from "./state.ts";

/** The durable end of a call, before its result leaves. A second end of the same call is ignored. */
export function decideSettle(
  state: WorkflowState,
  command: SettleCommand,
  facts: Facts,
  input: string,
): Decision {
  const call = findCall(state.inFlight, command.call);
  if (call === undefined) return IGNORED;
  const { settlement } = command;
  const ending = endingOf(state, call, settlement, facts);
  const neverLeft =
    settlement.kind === "failed" &&
    settlement.code === "not_dispatched" &&
    settlement.effect === "none";
  const answered = settlement.kind === "answered" ? settlement : null;
  return {
    events: [
      {
        type: "call.settled",
        call: call.call,
        ...ending,
        redactions: answered?.redactions ?? [],
        dropped: answered?.dropped ?? 0,
        undeclared: answered?.undeclared ?? 0,
        truncated: answered?.truncated ?? false,
        bytes: answered?.bytes ?? 0,
        calls: neverLeft ? 0 : 1,
        cost: neverLeft ? 0 : call.cost,
        runtimeMs: neverLeft ? 0 : spent(command.runtimeMs, call.runtimeMs),
        input,
      },
    ],
    result: { kind: "settled", ...ending, policyVersion: call.policyVersion },
  };
}

/**
 * Whole milliseconds, never more than was reserved: a late answer must not break a ceiling already
 * checked. A time that is none costs all of it.
 */
function spent(runtimeMs: number, reserved: number): number {
  return runtimeMs >= 0 ? Math.min(Math.ceil(runtimeMs), reserved) : reserved;
}

function endingOf(
  state: WorkflowState,
  call: InFlight,
  settlement: Settlement,
  facts: Facts,
): Ending {
  const effect = hasEffect(call.action);
  if (settlement.kind === "failed" && settlement.effect === "none" && effect) {
    return { outcome: "failed", code: settlement.code, ruleIds: [] };
  }
  const locked = lockedBy(state, call, facts);
  if (locked.length > 0) {
    return effect
      ? { outcome: "outcome_unknown", code: "interrupted", ruleIds: locked }
      : { outcome: "policy_denied", code: "locked", ruleIds: locked };
  }
  if (settlement.kind === "failed") {
    return { outcome: effect ? "outcome_unknown" : "failed", code: settlement.code, ruleIds: [] };
  }
  const { redactions, dropped, truncated } = settlement;
  const partial = redactions.length > 0 || dropped > 0 || truncated;
  return { outcome: partial ? "partial_result" : "ok", code: null, ruleIds: [] };
}

/** A lock that came while the call was out withholds its result; so does a host that cannot vouch. */
function lockedBy(state: WorkflowState, call: InFlight, facts: Facts): readonly string[] {
  if (facts.locks === null) return ["core:locks"];
  return lockRules(facts.locks, {
    tenant: state.tenant,
    human: state.human,
    agent: call.agent,
    ...(state.seats[call.seat] && { key: state.seats[call.seat]!.jkt }),
    workflow: state.workflow,
    tool: call.tool,
    destination: call.destination,
    connector: call.connector,
    bundle: call.policyVersion,
  });
}

export function decideReconcile(
  state: WorkflowState,
  command: ReconcileCommand,
  input: string,
): Decision {
  const call = findCall(state.unknown, command.call);
  if (call === undefined || call.session !== command.session) return IGNORED;
  return {
    events: [
      {
        type: "call.reconciled",
        call: call.call,
        outcome: "failed",
        code: "not_dispatched",
        calls: 0,
        cost: 0,
        runtimeMs: 0,
        input,
      },
    ],
    result: { kind: "done" },
  };
}
