import type { Change } from "./change.ts";
import type { Json } from "./json.ts";
import type { PolicyClass } from "./policy.ts";

/**
 * The fallback contract: the one closed union an agent sees, the same on MCP, REST and SDK.
 * Every name and code below is visible to others and pinned by `names.test.ts`.
 */
export type Outcome =
  | Ok
  | PartialResult
  | ApprovalRequired
  | PolicyDenied
  | Failed
  | OutcomeUnknown;

export interface Ok {
  readonly outcome: "ok";
  readonly call: string;
  readonly result: ToolResult;
}

export interface PartialResult {
  readonly outcome: "partial_result";
  readonly call: string;
  readonly result: ToolResult;
  readonly redactions: readonly Redaction[];
  /** Records left out whole because their class is denied. */
  readonly dropped: number;
  readonly truncated: boolean;
  /** There exactly where `truncated`. */
  readonly truncation?: Truncation;
}

/** What was left out because the result was larger than its tool may return, and how to get it. */
export interface Truncation {
  readonly places: readonly TruncatedPlace[];
  /** Bytes that the tool may return. */
  readonly maxBytes: number;
  /** Of the result before anything was left out. Absent: it was not read to its end. */
  readonly bytes?: number;
  /** Arguments of the tool that choose which part comes. None: ask for less. */
  readonly arguments: readonly string[];
  readonly advice: string;
}

/** A list without its last items, or a text without its end. */
export interface TruncatedPlace {
  /** JSON Pointer (RFC 6901) into the delivered result; empty: the text, or the list of blocks. */
  readonly path: string;
  readonly unit: "items" | "bytes";
  readonly kept: number;
  /** Absent: nobody read so far. */
  readonly of?: number;
}

/** Sent again as it is, the call joins this request and waits for the humans. */
export interface ApprovalRequired {
  readonly outcome: "human_approval_required";
  readonly call: string;
  readonly approval: ApprovalRequest;
}

export interface ApprovalRequest {
  readonly id: string;
  /** Where humans decide it. */
  readonly url: string;
  /** RFC 3339. Not decided by then, it is rejected. */
  readonly expiresAt: string;
  /** Kinds still to be given, each by another human. */
  readonly kinds: readonly string[];
  /** Tool, target and rules in words. */
  readonly summary: string;
  /** RFC 6902, as far as this agent may see it; absent: the tool has no preview. */
  readonly proposedDiff?: Change;
  /** Places of the diff that this agent may not see. */
  readonly hidden?: readonly Redaction[];
  /** SHA-256, hex, of everything that is approved. */
  readonly digest: string;
}

export interface PolicyDenied {
  readonly outcome: "policy_denied";
  readonly call: string;
  readonly reason: PolicyReason;
  readonly remedy?: string;
}

export interface Failed {
  readonly outcome: "failed";
  readonly call: string;
  readonly reason: FailureReason;
  readonly retryable: boolean;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** A mutation may or may not have happened. Never retried blindly. */
export interface OutcomeUnknown {
  readonly outcome: "outcome_unknown";
  readonly call: string;
  readonly reason: FailureReason;
  /** Where to ask again. */
  readonly reconcile: string;
}

/** What a tool gave, after checking and redaction. `json` is structured, the others are opaque. */
export type ToolResult =
  | { readonly kind: "json"; readonly value: Json }
  | { readonly kind: "text"; readonly contentType: string; readonly text: string }
  | { readonly kind: "binary"; readonly contentType: string; readonly base64: string }
  | { readonly kind: "mcp"; readonly content: readonly Json[] };

export interface Redaction {
  /** JSON Pointer (RFC 6901) into the delivered result. */
  readonly path: string;
  readonly dataClass: string;
  readonly ruleIds: readonly string[];
  readonly transform: "null";
}

export interface PolicyReason {
  readonly code: PolicyCode;
  readonly policyClass?: PolicyClass;
  /** Sorted. Cedar ids, `default:<class>`, `trust:<edge>` or `core:<check>`. */
  readonly ruleIds: readonly string[];
  readonly policyVersion: string;
  readonly message: string;
  /** The call or approval that stands in the way, where there is one. */
  readonly blockedBy?: string;
}

export interface FailureReason {
  readonly kind: FailureKind;
  readonly code: FailureCode;
  readonly message: string;
  /** HTTP status of the upstream, where it answered one. */
  readonly status?: number;
  /** JSON Pointers of the arguments that were refused; never their values. */
  readonly at?: readonly string[];
  /** What the tool's schema asks for at some of these places, in its own words. */
  readonly expected?: { readonly [at: string]: string };
  /** What is wrong with an argument that fits its schema, such as a statement. */
  readonly why?: Fault;
}

export interface Fault {
  /** Stable: of a query, see docs/protocol/query.md. */
  readonly code: string;
  /** What to do about it. */
  readonly fix: string;
  /** UTF-16 units from its beginning, where it shows at one place. */
  readonly position?: number;
}

export const POLICY_CODES = [
  "unknown_tool",
  "tool_not_granted",
  "tool_unreviewed",
  "network_denied",
  "action_denied",
  "data_denied",
  "budget_denied",
  "budget_exhausted",
  "policy_error",
  "locked",
  "seat_unknown",
  "trust_denied",
  "workflow_closed",
  "workflow_expired",
  "approval_rejected",
  "approval_stale",
  "approvals_exhausted",
  "critical_domain_taken",
  "delegation_denied",
  "effect_unknown",
  "read_only",
  "cross_tenant_context",
] as const;
export type PolicyCode = (typeof POLICY_CODES)[number];

/** Why a human's decision on an approval was not taken. */
export const APPROVAL_CODES = [
  "approval_unknown",
  "approval_expired",
  "approval_over",
  "digest_mismatch",
  "kind_unknown",
  "kind_given",
  "two_kinds",
  "self_approval",
  "not_permitted",
  "may_not_see",
  "workflow_over",
] as const;
export type ApprovalCode = (typeof APPROVAL_CODES)[number];

export const FAILURE_KINDS = [
  "network",
  "policy",
  "timeout",
  "schema",
  "upstream",
  "internal",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Each code with its kind and whether the same call may be sent again as it is. */
export const FAILURES = {
  audit_unavailable: { kind: "internal", retryable: true },
  busy: { kind: "internal", retryable: true },
  cancelled: { kind: "internal", retryable: true },
  internal_error: { kind: "internal", retryable: false },
  interrupted: { kind: "internal", retryable: true },
  locks_unavailable: { kind: "internal", retryable: true },
  not_dispatched: { kind: "internal", retryable: true },
  rolled_back: { kind: "upstream", retryable: true },
  rate_limited: { kind: "policy", retryable: true },
  policy_unavailable: { kind: "policy", retryable: true },
  invalid_arguments: { kind: "schema", retryable: false },
  idempotency_conflict: { kind: "schema", retryable: false },
  output_invalid: { kind: "schema", retryable: false },
  deadline_exceeded: { kind: "timeout", retryable: true },
  connector_unavailable: { kind: "network", retryable: true },
  connector_lost: { kind: "network", retryable: true },
  connection_refused: { kind: "network", retryable: true },
  connection_timeout: { kind: "network", retryable: true },
  connection_terminated: { kind: "network", retryable: true },
  dns_error: { kind: "network", retryable: true },
  destination_not_found: { kind: "network", retryable: false },
  destination_ip_prohibited: { kind: "network", retryable: false },
  tls_certificate_error: { kind: "network", retryable: false },
  token_refused: { kind: "network", retryable: false },
  tool_drifted: { kind: "upstream", retryable: false },
  preview_too_large: { kind: "upstream", retryable: false },
  preview_unavailable: { kind: "upstream", retryable: true },
  preview_stale: { kind: "upstream", retryable: false },
  response_too_large: { kind: "upstream", retryable: false },
  upstream_error: { kind: "upstream", retryable: true },
  upstream_rejected: { kind: "upstream", retryable: false },
} as const satisfies Record<string, { kind: FailureKind; retryable: boolean }>;
export type FailureCode = keyof typeof FAILURES;
