import { DENIALS, FAILURE_MESSAGES, UNKNOWN_MESSAGE } from "../core/model/outcome-message.ts";
import {
  type Failed,
  FAILURES,
  type FailureCode,
  type FailureReason,
  type Outcome,
  type PolicyCode,
  type PolicyDenied,
} from "../core/model/outcome.ts";
import type { Denied, Result } from "../core/session/decision.ts";
import type { Finished, StoredEvent } from "./ports.ts";

type Refused = Denied | Extract<Result, { kind: "failed" }>;
type Settled = Extract<Result, { kind: "settled" }>;

/** A call that was not admitted, in the form the agent can act on. */
export function refusalOutcome(
  call: string,
  policyVersion: string,
  result: Refused,
  fault?: ArgumentFault,
): PolicyDenied | Failed {
  return result.kind === "denied"
    ? denied(call, policyVersion, result)
    : failed(call, failure(result.code, faultOf(result.code, fault)), result.retryAfterMs);
}

/**
 * The end of an admitted call. What was recorded decides, never what the tool gave: a result that
 * the record withholds does not get out, and a recorded success without a result is our failure.
 */
export function settledOutcome(
  call: string,
  result: Settled,
  finished: Finished | null,
  reconcile: string,
  { status, retryAfterMs }: { readonly status?: number; readonly retryAfterMs?: number } = {},
): Outcome {
  const upstream = status === undefined ? {} : { status };
  switch (result.outcome) {
    case "ok":
      if (!finished?.ok) return failed(call, failure("internal_error"));
      return { outcome: "ok", call, result: finished.result };
    case "partial_result":
      if (!finished?.ok) return failed(call, failure("internal_error"));
      return {
        outcome: "partial_result",
        call,
        result: finished.result,
        redactions: finished.redactions,
        dropped: finished.dropped,
        truncated: finished.truncation !== null,
        ...(finished.truncation && { truncation: finished.truncation }),
      };
    case "policy_denied":
      return denied(call, result.policyVersion, { ...result, policyClass: null });
    case "human_approval_required":
      // Released with its request, by whoever made the preview; without one it is our failure.
      return failed(call, failure("internal_error"));
    case "failed":
      return failed(call, failure(result.code, upstream), retryAfterMs);
    case "outcome_unknown":
      return {
        outcome: "outcome_unknown",
        call,
        reason: { ...failure(result.code, upstream), message: UNKNOWN_MESSAGE },
        reconcile,
      };
  }
}

function denied(
  call: string,
  policyVersion: string,
  { code, policyClass, ruleIds, blockedBy }: Omit<Denied, "kind">,
): PolicyDenied {
  const { message, remedy } = DENIALS[code];
  return {
    outcome: "policy_denied",
    call,
    reason: {
      code,
      ...(policyClass && { policyClass }),
      ruleIds,
      policyVersion,
      message,
      ...(blockedBy && { blockedBy }),
    },
    remedy,
  };
}

/** What an agent is told of a success whose answer is gone: the effect is certain, the words are not. */
const RESULT_GONE = "The call took effect. Its answer is no longer kept.";

/**
 * The end of a call as the record alone tells it, for whoever sends it again when its outcome is no
 * longer, or was never, sealed. Null: these events tell of no end.
 */
export function recordedOutcome(
  place: { readonly tenant: string; readonly workflow: string },
  events: readonly StoredEvent[],
): Outcome | null {
  const [first] = events;
  const end = events
    .map(({ event }) => event)
    .findLast((event) => event.type === "call.settled" || event.type === "call.reconciled");
  if (first?.event.workflow !== place.workflow || end === undefined) return null;
  const { call, outcome, code } = end;
  const policyVersion = "policyVersion" in first.event ? first.event.policyVersion : "";
  if (isPolicyCode(code)) {
    const { ruleIds } = end.type === "call.settled" ? end : { ruleIds: [] };
    return denied(call, policyVersion, { code, policyClass: null, ruleIds });
  }
  if (code !== null && outcome === "outcome_unknown") {
    const reconcile = `/${place.tenant}/v1/workflows/${place.workflow}/calls/${call}`;
    const reason = { ...failure(code), message: UNKNOWN_MESSAGE };
    return { outcome, call, reason, reconcile };
  }
  if (code !== null) return failed(call, failure(code));
  if (outcome === "human_approval_required") return failed(call, failure("internal_error"));
  return {
    outcome: "ok",
    call,
    result: { kind: "text", contentType: "text/plain", text: RESULT_GONE },
  };
}

function isPolicyCode(code: PolicyCode | FailureCode | null): code is PolicyCode {
  return code !== null && Object.hasOwn(DENIALS, code);
}

function failed(call: string, reason: FailureReason, retryAfterMs?: number): Failed {
  return {
    outcome: "failed",
    call,
    reason,
    retryable: FAILURES[reason.code].retryable,
    ...(retryAfterMs !== undefined && { retryAfter: Math.max(1, Math.ceil(retryAfterMs / 1_000)) }),
  };
}

export type ArgumentFault = Pick<FailureReason, "at" | "expected" | "why">;

/** What is wrong with the arguments, only where that is why the call was refused. */
function faultOf(code: FailureCode, fault: ArgumentFault = {}): ArgumentFault {
  if (code !== "invalid_arguments") return {};
  const { at, expected, why } = fault;
  return { ...(at && { at }), ...(expected && { expected }), ...(why && { why }) };
}

function failure(
  code: FailureCode,
  more: ArgumentFault & Pick<FailureReason, "status"> = {},
): FailureReason {
  return { kind: FAILURES[code].kind, code, message: FAILURE_MESSAGES[code], ...more };
}
