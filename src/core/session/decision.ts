import type { EventBody } from "../model/event.ts";
import type { FailureCode, PolicyCode } from "../model/outcome.ts";
import type { PolicyClass, RedactionPlan } from "../model/policy.ts";

/**
 * What the decider answers. `events` become durable before anything of `result` leaves.
 * A decision without events changes nothing and records nothing.
 */
export interface Decision {
  readonly events: readonly EventBody[];
  readonly result: Result;
}

/** The command does not fit the state: settled before, unknown call, not open. */
export const IGNORED: Decision = { events: [], result: { kind: "ignored" } };

/** An answer that leaves no trace in the workflow's record. */
export function unrecorded(result: Result): Decision {
  return { events: [], result };
}

export type Result =
  | { readonly kind: "opened"; readonly expiresAt: number; readonly tools: readonly string[] }
  | { readonly kind: "done" }
  | { readonly kind: "admitted"; readonly plan: RedactionPlan }
  | Denied
  | { readonly kind: "failed"; readonly code: FailureCode; readonly retryAfterMs?: number }
  | ({ readonly kind: "settled"; readonly policyVersion: string } & Ending)
  | { readonly kind: "ignored" };

/** How an admitted call ended; which codes go with which outcome. */
export type Ending = { readonly ruleIds: readonly string[] } & (
  | { readonly outcome: "ok" | "partial_result"; readonly code: null }
  | { readonly outcome: "policy_denied"; readonly code: PolicyCode }
  | { readonly outcome: "failed" | "outcome_unknown"; readonly code: FailureCode }
);

export interface Denied {
  readonly kind: "denied";
  readonly code: PolicyCode;
  readonly policyClass: PolicyClass | null;
  readonly ruleIds: readonly string[];
}
