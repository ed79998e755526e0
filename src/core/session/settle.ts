import type {
  ReconcileCommand,
  SettleCommand,
  Settlement,
  SignalCommand,
} from "../model/command.ts";
import type { ApprovalAsked, CallReconciled } from "../model/event.ts";
import { previewDigest } from "../model/operation.ts";
import { hasEffect } from "../model/policy.ts";
import { ask } from "./approval.ts";
import { tokensOf } from "./budget.ts";
import { type Decision, type Ending, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { callLocks } from "./locks.ts";
import { findCall, findSeat, type InFlight, type WorkflowState } from "./state.ts";

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
  const approval =
    ending.outcome === "human_approval_required" ? askedBy(state, call, settlement, facts) : null;
  const signals = [
    ...((answered?.canaries ?? 0) > 0 ? [canaryRead(state, call)] : []),
    ...(isDrift(settlement) ? [drifted(call, settlement)] : []),
  ];
  return {
    events: [
      {
        type: "call.settled",
        call: call.call,
        chain: call.chain,
        ...ending,
        redactions: answered?.redactions ?? [],
        dropped: answered?.dropped ?? 0,
        undeclared: answered?.undeclared ?? 0,
        truncated: answered?.truncated ?? false,
        bytes: answered?.bytes ?? 0,
        calls: neverLeft ? 0 : 1,
        cost: neverLeft ? 0 : call.cost,
        runtimeMs: neverLeft ? 0 : spent(command.runtimeMs, call.runtimeMs),
        tokens: metered(call, answered?.bytes ?? 0),
        canaries: answered?.canaries ?? 0,
        approval,
        input,
      },
    ],
    result: { kind: "settled", ...ending, policyVersion: call.policyVersion },
    ...(signals.length > 0 && { signals }),
  };
}

/**
 * Whole milliseconds, never more than was reserved: a late answer must not break a ceiling already
 * checked. A time that is none costs all of it.
 */
function spent(runtimeMs: number, reserved: number): number {
  return runtimeMs >= 0 ? Math.min(Math.ceil(runtimeMs), reserved) : reserved;
}

/** Nothing reserved: nobody in the line has a ceiling for tokens, and they are only counted. */
function metered(call: InFlight, bytes: number): number {
  const tokens = tokensOf(bytes);
  return call.tokens === 0 ? tokens : Math.min(tokens, call.tokens);
}

function endingOf(
  state: WorkflowState,
  call: InFlight,
  settlement: Settlement,
  facts: Facts,
): Ending {
  // A preview is rolled back or only read: it has no effect of its own.
  const effect = hasEffect(call.action) && call.mode === "execute";
  if (settlement.kind === "failed" && settlement.effect === "none" && effect) {
    return settlement.code === "preview_stale"
      ? { outcome: "policy_denied", code: "approval_stale", ruleIds: ["core:approval"] }
      : { outcome: "failed", code: settlement.code, ruleIds: [] };
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
  // An answer to the other question is none: a preview without its change, a change nobody asked for.
  if ((settlement.kind === "previewed") !== (call.mode === "preview")) {
    return { outcome: effect ? "outcome_unknown" : "failed", code: "internal_error", ruleIds: [] };
  }
  if (settlement.kind === "previewed") {
    return { outcome: "human_approval_required", code: null, ruleIds: call.need?.ruleIds ?? [] };
  }
  const { redactions, dropped, truncated } = settlement;
  const partial = redactions.length > 0 || dropped > 0 || truncated;
  return { outcome: partial ? "partial_result" : "ok", code: null, ruleIds: [] };
}

/** Under the bundle of the preview's admission, whatever is active meanwhile. */
function askedBy(
  state: WorkflowState,
  call: InFlight,
  settlement: Settlement,
  facts: Facts,
): ApprovalAsked | null {
  if (settlement.kind !== "previewed" || call.need === null || call.operation === null) return null;
  const { seat, tool, definition, operation, target, idempotency } = call;
  const subject = { seat, tool, definition, operation, target: target ?? "", idempotency };
  const digest = previewDigest(facts.hash, settlement.seal);
  return ask(state, facts, call.policyVersion, subject, call.need, {
    digest,
    classes: settlement.classes,
  });
}

/** A lock that came while the call was out withholds its result; so does a host that cannot vouch. */
function lockedBy(state: WorkflowState, call: InFlight, facts: Facts): readonly string[] {
  const { tool, definition, destination, connector, policyVersion: bundle } = call;
  const about = { tool, definition, destination, connector, bundle };
  return callLocks(facts.locks, state, call.seat, about);
}

function canaryRead(state: WorkflowState, call: InFlight): SignalCommand {
  return {
    type: "signal",
    signal: "canary_record",
    seat: call.seat,
    call: call.call,
    subject: { target: "agent", value: findSeat(state, call.seat)?.agent ?? state.agent },
  };
}

/** An authenticated connector brought what the tool's pinned description forbids, or another one. */
function isDrift(settlement: Settlement): boolean {
  return (
    settlement.kind === "failed" &&
    (settlement.code === "output_invalid" || settlement.code === "tool_drifted")
  );
}

/**
 * A definition that is no longer the one reviewed holds for every call of it: it is out of use until
 * a bundle brings another one.
 */
function drifted(
  { call, seat, tool, definition }: InFlight,
  settlement: Settlement,
): SignalCommand {
  const subject = { target: "tool", value: tool } as const;
  const changed = settlement.kind === "failed" && settlement.code === "tool_drifted";
  return {
    ...{ type: "signal", signal: "tool_drift", seat, call, subject },
    ...(changed && { quarantine: { target: "definition", value: definition } }),
  };
}

export function decideReconcile(
  state: WorkflowState,
  command: ReconcileCommand,
  input: string,
): Decision {
  const call = findCall(state.unknown, command.call);
  if (call === undefined || call.session !== command.session) return IGNORED;
  const { cost, runtimeMs, tokens } = call;
  const charged = { calls: 1, cost, runtimeMs, tokens } as const;
  const uncharged = { calls: 0, cost: 0, runtimeMs: 0, tokens: 0 } as const;
  const end = {
    never: { outcome: "failed", code: "not_dispatched", ...uncharged },
    aborted: { outcome: "failed", code: "rolled_back", ...charged },
    committed: { outcome: "ok", code: null, ...charged },
  } as const satisfies { [finding in ReconcileCommand["finding"]]: Partial<CallReconciled> };
  const { finding } = command;
  return {
    events: [
      {
        type: "call.reconciled",
        call: call.call,
        chain: call.chain,
        finding,
        ...end[finding],
        input,
      },
    ],
    result: { kind: "done" },
  };
}
