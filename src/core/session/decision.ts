import type { SignalCommand } from "../model/command.ts";
import type { Containment, EventBody } from "../model/event.ts";
import type { ApprovalCode, FailureCode, PolicyCode } from "../model/outcome.ts";
import type { PolicyClass, RedactionPlan } from "../model/policy.ts";
import type { Seat } from "./state.ts";

/**
 * What the decider answers. `events` become durable before anything of `result` leaves.
 * A decision without events changes nothing and records nothing.
 */
export interface Decision {
  readonly events: readonly EventBody[];
  readonly result: Result;
  /** To be decided next, in the same turn and the same commit. */
  readonly signals?: readonly SignalCommand[];
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
  | { readonly kind: "granted"; readonly seat: Seat }
  | Admitted
  /** Sent again while its request waits for humans. */
  | { readonly kind: "waiting"; readonly approval: string }
  /** The same call was admitted before: its end is this one's, too. */
  | { readonly kind: "joined"; readonly call: string }
  /** Its idempotency key was used for another call. */
  | { readonly kind: "conflict" }
  | { readonly kind: "asked"; readonly approval: string }
  | { readonly kind: "decided"; readonly complete: boolean }
  | { readonly kind: "undecided"; readonly code: ApprovalCode; readonly ruleIds: readonly string[] }
  | { readonly kind: "resent" }
  | { readonly kind: "signalled"; readonly containment: Containment | null }
  | Denied
  | { readonly kind: "failed"; readonly code: FailureCode; readonly retryAfterMs?: number }
  | ({ readonly kind: "settled"; readonly policyVersion: string } & Ending)
  | { readonly kind: "ignored" };

export interface Admitted {
  readonly kind: "admitted";
  readonly mode: "preview" | "execute";
  readonly plan: RedactionPlan;
  /** The request for approval that is carried out. */
  readonly approval: string | null;
}

/** How an admitted call ended; which codes go with which outcome. */
export type Ending = { readonly ruleIds: readonly string[] } & (
  | { readonly outcome: "ok" | "partial_result" | "human_approval_required"; readonly code: null }
  | { readonly outcome: "policy_denied"; readonly code: PolicyCode }
  | { readonly outcome: "failed" | "outcome_unknown"; readonly code: FailureCode }
);

export interface Denied {
  readonly kind: "denied";
  readonly code: PolicyCode;
  readonly policyClass: PolicyClass | null;
  readonly ruleIds: readonly string[];
  /** The call or approval that stands in the way. */
  readonly blockedBy?: string;
}
