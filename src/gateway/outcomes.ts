import { DENIALS, FAILURE_MESSAGES } from "../core/model/outcome-message.ts";
import {
  type Failed,
  FAILURES,
  type FailureCode,
  type FailureReason,
  type Outcome,
  type PolicyCode,
  type PolicyDenied,
} from "../core/model/outcome.ts";
import type { PolicyClass } from "../core/model/policy.ts";
import type { Denied, Result } from "../core/session/decision.ts";
import type { Finished } from "./ports.ts";

type Refused = Denied | Extract<Result, { kind: "failed" }>;
type Settled = Extract<Result, { kind: "settled" }>;

/** A call that was not admitted, in the form the agent can act on. */
export function refusalOutcome(
  call: string,
  policyVersion: string,
  result: Refused,
  at?: readonly string[],
): Outcome {
  return result.kind === "denied"
    ? denied(call, policyVersion, result.code, result.policyClass, result.ruleIds)
    : failed(call, failure(result.code, pointers(result.code, at)), result.retryAfterMs);
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
  status?: number,
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
        truncated: finished.truncated,
      };
    case "policy_denied":
      return denied(call, result.policyVersion, result.code, null, result.ruleIds);
    case "failed":
      return failed(call, failure(result.code, upstream));
    case "outcome_unknown":
      return {
        outcome: "outcome_unknown",
        call,
        reason: failure(result.code, upstream),
        reconcile,
      };
  }
}

function denied(
  call: string,
  policyVersion: string,
  code: PolicyCode,
  policyClass: PolicyClass | null,
  ruleIds: readonly string[],
): PolicyDenied {
  const { message, remedy } = DENIALS[code];
  return {
    outcome: "policy_denied",
    call,
    reason: { code, ...(policyClass && { policyClass }), ruleIds, policyVersion, message },
    remedy,
  };
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

/** Where the arguments are wrong, only where that is why the call was refused. */
function pointers(
  code: FailureCode,
  at: readonly string[] | undefined,
): { at?: readonly string[] } {
  return code === "invalid_arguments" && at !== undefined ? { at } : {};
}

function failure(
  code: FailureCode,
  more: { readonly status?: number; readonly at?: readonly string[] } = {},
): FailureReason {
  return { kind: FAILURES[code].kind, code, message: FAILURE_MESSAGES[code], ...more };
}
