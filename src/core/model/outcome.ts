import type { Json } from "./json.ts";
import type { PolicyClass } from "./policy.ts";

/**
 * The fallback contract: the one closed union an agent sees, the same on MCP, REST and SDK.
 * Every name and code below is visible to others and pinned by `names.test.ts`.
 */
export type Outcome = Ok | PartialResult | PolicyDenied | Failed | OutcomeUnknown;

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
}

export interface FailureReason {
  readonly kind: FailureKind;
  readonly code: FailureCode;
  readonly message: string;
  /** HTTP status of the upstream, where it answered one. */
  readonly status?: number;
  /** JSON Pointers of the arguments that were refused; never their values. */
  readonly at?: readonly string[];
}

export const POLICY_CODES = [
  "unknown_tool",
  "tool_not_granted",
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
] as const;
export type PolicyCode = (typeof POLICY_CODES)[number];

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
  internal_error: { kind: "internal", retryable: false },
  interrupted: { kind: "internal", retryable: true },
  locks_unavailable: { kind: "internal", retryable: true },
  not_dispatched: { kind: "internal", retryable: true },
  rate_limited: { kind: "policy", retryable: true },
  policy_unavailable: { kind: "policy", retryable: true },
  invalid_arguments: { kind: "schema", retryable: false },
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
  response_too_large: { kind: "upstream", retryable: false },
  upstream_error: { kind: "upstream", retryable: true },
  upstream_rejected: { kind: "upstream", retryable: false },
} as const satisfies Record<string, { kind: FailureKind; retryable: boolean }>;
export type FailureCode = keyof typeof FAILURES;
