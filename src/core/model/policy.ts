import type { JsonObject } from "./json.ts";

/** In the order a denial is reported: the first class that denied names the reason. */
export const POLICY_CLASSES = ["network", "action", "data", "budget"] as const;
export type PolicyClass = (typeof POLICY_CLASSES)[number];

/** `read` records; `summarize` aggregates only; `mutate` what a preview can show; `execute` the rest. */
export const ACTIONS = ["read", "summarize", "mutate", "execute"] as const;
export type Action = (typeof ACTIONS)[number];

/** A crash in the middle of one of these leaves an effect that may have happened. */
export function hasEffect(action: Action): boolean {
  return action === "mutate" || action === "execute";
}

export const TIERS = ["public", "internal", "confidential", "critical"] as const;
export type Tier = (typeof TIERS)[number];

/** Which connectors serve a destination: those of its network and its tier, and no others. */
export interface Place {
  readonly network: string;
  readonly tier: Tier;
}

export interface Question {
  readonly policyClass: PolicyClass;
  /** Cedar action: `connect`, one of ACTIONS, `disclose` or `spend`. */
  readonly action: "connect" | Action | "disclose" | "spend";
  /** Agent id, or a human's pseudonym. */
  readonly principal: string;
  /** The principal is a human, who asks to see a change; the context then has `groups`. */
  readonly human?: true;
  readonly resource: { readonly type: "Destination" | "Tool" | "DataClass"; readonly id: string };
  readonly context: JsonObject;
}

export interface Answer {
  readonly decision: "allow" | "deny";
  /** `@id`s of the policies that determined the decision; empty for Cedar's default deny. */
  readonly ruleIds: readonly string[];
  /** `@id`s of the policies that failed to evaluate. Not empty: the call is denied (P2). */
  readonly errors: readonly string[];
}

/** May this human do this? Asked of `authority.cedar`; the principal is a pseudonym. */
export interface AuthorityQuestion {
  readonly action: "approve";
  readonly principal: string;
  readonly resource: { readonly type: "ApprovalKind"; readonly id: string };
  readonly context: JsonObject;
}

/** Synchronous, so that facts, decision and append share one turn. A throw is a trap: nothing is admitted. */
export interface Evaluator {
  evaluate(question: Question): Answer;
  authorize(question: AuthorityQuestion): Answer;
}

/** What `disclose` said of every class a tool may return, fixed at admission. */
export type RedactionPlan = { readonly [dataClass: string]: Disclosure };
export interface Disclosure {
  readonly allow: boolean;
  readonly ruleIds: readonly string[];
}
