import type { Limits } from "./bundle.ts";
import type { FailureCode, PolicyCode } from "./outcome.ts";
import type { Action, PolicyClass, RedactionPlan } from "./policy.ts";

/**
 * The audit vocabulary: everything that can happen in a workflow, and the only things that change
 * its state. Ids, codes, labels, counters and keyed digests; never a value (P10). A stored event is
 * the RFC 8785 form of `Stamp & EventBody`; documented in docs/protocol/audit-record.md.
 */
export type WorkflowEvent = Stamp & EventBody;

export interface Stamp {
  /** From 0, without gaps. The order of the record; `at` is only information. */
  readonly seq: number;
  /** Gateway clock, milliseconds since the epoch. */
  readonly at: number;
  readonly workflow: string;
}

export type EventBody =
  | WorkflowOpened
  | SeatRenewed
  | CallAdmitted
  | CallRefused
  | CallSettled
  | CallReconciled
  | CheckpointSaved
  | WorkflowClosed;

/** HMAC, hex, under a key derived from the workflow's own, of the sealed input of this decision. */
interface Decided {
  readonly input: string;
}

export interface WorkflowOpened extends Decided {
  readonly type: "workflow.opened";
  readonly tenant: string;
  /** Tenant-keyed HMAC of issuer and subject. */
  readonly human: string;
  readonly agent: string;
  readonly purpose: string;
  readonly tools: readonly string[];
  readonly limits: Limits;
  readonly expiresAt: number;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  readonly seat: string;
  /** RFC 7638 thumbprint of the agent's DPoP key. */
  readonly jkt: string;
  /** SHA-256, hex, of the workflow's data key: who swaps the key is found out. */
  readonly keyDigest: string;
}

export interface SeatRenewed extends Decided {
  readonly type: "seat.renewed";
  readonly seat: string;
}

/** The decision of each class, in full: the rules that allowed are evidence too. */
export type ClassRules = { readonly [policyClass in PolicyClass]?: readonly string[] };

export interface CallAdmitted extends Decided {
  readonly type: "call.admitted";
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  readonly tool: string;
  readonly definition: string;
  readonly action: Action;
  readonly destination: string;
  readonly policyVersion: string;
  readonly rules: ClassRules;
  readonly plan: RedactionPlan;
  readonly labels: readonly string[];
  readonly writeDomain: string | null;
  /** Reserved here, corrected by `call.settled`. */
  readonly cost: number;
  readonly runtimeMs: number;
  /** Id of the call token. */
  readonly txn: string;
  readonly connector: string;
  readonly session: string;
  readonly lockEpoch: number;
}

export interface CallRefused extends Decided {
  readonly type: "call.refused";
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  /** As the agent sent it only where it names a tool of the bundle; otherwise null. */
  readonly tool: string | null;
  readonly outcome: "policy_denied" | "failed";
  readonly code: PolicyCode | FailureCode;
  readonly policyClass: PolicyClass | null;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  readonly rules: ClassRules;
}

export interface RedactionCount {
  /** Pointer with `*` for array items and map keys: where in the schema, not in the data. */
  readonly path: string;
  readonly dataClass: string;
  readonly count: number;
}

export interface CallSettled extends Decided {
  readonly type: "call.settled";
  readonly call: string;
  readonly outcome: "ok" | "partial_result" | "policy_denied" | "failed" | "outcome_unknown";
  readonly code: PolicyCode | FailureCode | null;
  readonly ruleIds: readonly string[];
  readonly redactions: readonly RedactionCount[];
  readonly dropped: number;
  /** Fields nobody declared, taken out. */
  readonly undeclared: number;
  readonly truncated: boolean;
  readonly bytes: number;
  /** Charged in the end. Zero for a call that provably never left. */
  readonly calls: 0 | 1;
  readonly cost: number;
  readonly runtimeMs: number;
}

/** A connector proved what became of a call whose outcome was unknown. */
export interface CallReconciled extends Decided {
  readonly type: "call.reconciled";
  readonly call: string;
  readonly outcome: "failed";
  readonly code: "not_dispatched";
  readonly calls: 0;
  readonly cost: 0;
  readonly runtimeMs: 0;
}

export interface CheckpointSaved extends Decided {
  readonly type: "checkpoint.saved";
  readonly seat: string;
  readonly bytes: number;
  /** Keyed digest of the value. */
  readonly digest: string;
}

export interface WorkflowClosed extends Decided {
  readonly type: "workflow.closed";
  readonly seat: string | null;
}

export const EVENT_TYPES = [
  "workflow.opened",
  "seat.renewed",
  "call.admitted",
  "call.refused",
  "call.settled",
  "call.reconciled",
  "checkpoint.saved",
  "workflow.closed",
] as const satisfies readonly EventBody["type"][];
