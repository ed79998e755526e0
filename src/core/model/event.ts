import type { Limits } from "./bundle.ts";
import type { ArgumentSources, Finding } from "./command.ts";
import type { LockTarget } from "./lock.ts";
import type { ApprovalCode, FailureCode, PolicyCode } from "./outcome.ts";
import type { Action, PolicyClass, RedactionPlan, Tier } from "./policy.ts";
import type { SignalCode } from "./signal.ts";

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
  | SeatGranted
  | SeatRefused
  | SeatRenewed
  | CallAdmitted
  | CallRefused
  | CallSettled
  | CallResent
  | CallReconciled
  | ApprovalDecided
  | ApprovalRefused
  | UsageReported
  | SignalRaised
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
  readonly lockEpoch: number;
}

/**
 * Agents from the one that acts to the one the human started: the delegation chain, RFC 8693's `act`.
 * Of a decision on an approval: of the seat that asked. Empty: no seat of the workflow had a part in it.
 */
interface Chained {
  readonly chain: readonly string[];
}

export interface SeatGranted extends Decided, Chained {
  readonly type: "seat.granted";
  readonly seat: string;
  readonly parent: string;
  readonly agent: string;
  readonly jkt: string;
  readonly tools: readonly string[];
  readonly limits: Limits;
  readonly expiresAt: number;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  /** The call whose token was exchanged; null: the giver's own request. */
  readonly call: string | null;
  readonly lockEpoch: number;
}

export interface SeatRefused extends Decided, Chained {
  readonly type: "seat.refused";
  readonly parent: string;
  /** Who asked for the seat. */
  readonly agent: string;
  readonly code: PolicyCode;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
}

export interface SeatRenewed extends Decided, Chained {
  readonly type: "seat.renewed";
  readonly seat: string;
}

/** The decision of each class, in full: the rules that allowed are evidence too. */
export type ClassRules = { readonly [policyClass in PolicyClass]?: readonly string[] };

/** Kinds of approval that would turn a denial into an allow, and what else they would change. */
export interface ApprovalNeed {
  readonly kinds: readonly string[];
  /** The rules whose answer the kinds turn round, sorted. */
  readonly ruleIds: readonly string[];
  /** Data classes that would be disclosed beyond what is now, sorted. */
  readonly discloses: readonly string[];
  /** SHA-256, hex, of the redaction plan of the execution to come. */
  readonly plan: string;
}

/** A request for approval, part of the event that ended the call which needs it. */
export interface ApprovalAsked extends ApprovalNeed {
  readonly id: string;
  /** SHA-256, hex, of everything that is approved (see `approvalDigest`). */
  readonly digest: string;
  /** `tctx.preview` of the execution to come; null: the tool has no preview. */
  readonly preview: string | null;
  /** Data classes of the values that would change. */
  readonly classes: readonly string[];
  readonly expiresAt: number;
}

export interface CallAdmitted extends Decided, Chained {
  readonly type: "call.admitted";
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  readonly mode: "preview" | "execute";
  readonly tool: string;
  readonly definition: string;
  readonly action: Action;
  readonly destination: string;
  /** Of the destination: what a connector has to be to serve it. */
  readonly network: string;
  readonly tier: Tier;
  readonly policyVersion: string;
  readonly rules: ClassRules;
  readonly plan: RedactionPlan;
  readonly labels: readonly string[];
  readonly writeDomain: string | null;
  /** The claim is to a critical domain. */
  readonly critical: boolean;
  /** Reserved here, corrected by `call.settled`. */
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
  /** SHA-256, hex; null where nothing depends on it. */
  readonly operation: string | null;
  /** Keyed digests; null: none. */
  readonly target: string | null;
  readonly idempotency: string | null;
  readonly sources: ArgumentSources;
  /** The request for approval that this call carries out; null: none was needed. */
  readonly approval: string | null;
  /** `tctx.preview`. */
  readonly preview: string | null;
  /** A preview's reason: what will be asked for when it is known. */
  readonly need: (ApprovalNeed & { readonly id: string }) | null;
  /** Id of the call token. */
  readonly txn: string;
  readonly connector: string;
  readonly session: string;
  readonly lockEpoch: number;
}

export interface CallRefused extends Decided, Chained {
  readonly type: "call.refused";
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  /** As the agent sent it only where it names a tool of the bundle; otherwise null. */
  readonly tool: string | null;
  readonly outcome: "policy_denied" | "failed" | "human_approval_required";
  readonly code: PolicyCode | FailureCode | null;
  readonly policyClass: PolicyClass | null;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  readonly rules: ClassRules;
  /** The call or approval that stands in the way. */
  readonly blockedBy: string | null;
  /** What was asked for, where the outcome is `human_approval_required`. */
  readonly approval: (ApprovalAsked & ApprovalSubject) | null;
}

/** What exactly is approved, for a call that was not admitted to be previewed. */
export interface ApprovalSubject {
  readonly definition: string;
  readonly operation: string;
  readonly target: string;
  readonly idempotency: string | null;
}

export interface RedactionCount {
  /** Pointer with `*` for array items and map keys: where in the schema, not in the data. */
  readonly path: string;
  readonly dataClass: string;
  readonly count: number;
}

export interface CallSettled extends Decided, Chained {
  readonly type: "call.settled";
  readonly call: string;
  readonly outcome:
    | "ok"
    | "partial_result"
    | "human_approval_required"
    | "policy_denied"
    | "failed"
    | "outcome_unknown";
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
  readonly tokens: number;
  readonly canaries: number;
  /** Of a preview that became a request. */
  readonly approval: ApprovalAsked | null;
}

/** A call leaves once more: of unknown outcome, under its own idempotency key; or its connector was gone. */
export interface CallResent extends Decided, Chained {
  readonly type: "call.resent";
  readonly call: string;
  readonly policyVersion: string;
  /** Id of the new call token. */
  readonly txn: string;
  readonly connector: string;
  readonly session: string;
  readonly lockEpoch: number;
}

/** What became of a call whose outcome was unknown. */
export interface CallReconciled extends Decided, Chained {
  readonly type: "call.reconciled";
  readonly call: string;
  readonly finding: Finding;
  readonly outcome: "ok" | "failed";
  /** `ok` has none: the effect is certain, its result is gone. */
  readonly code: "not_dispatched" | "rolled_back" | null;
  readonly calls: 0 | 1;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
}

export interface ApprovalDecided extends Decided, Chained {
  readonly type: "approval.decided";
  readonly approval: string;
  readonly kind: string;
  readonly verdict: "approve" | "reject";
  /** Tenant-keyed pseudonym. */
  readonly human: string;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  /** With this one all kinds are given. */
  readonly complete: boolean;
  /** The epoch of locks under which it was given: a lock on this human since takes it back. */
  readonly lockEpoch: number;
}

/** Somebody who may not decide tried to. */
export interface ApprovalRefused extends Decided, Chained {
  readonly type: "approval.refused";
  readonly approval: string;
  readonly kind: string;
  readonly human: string;
  readonly code: ApprovalCode;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
}

export interface UsageReported extends Decided, Chained {
  readonly type: "usage.reported";
  readonly seat: string;
  readonly tokens: number;
}

export interface SignalRaised extends Decided, Chained {
  readonly type: "signal.raised";
  readonly signal: SignalCode;
  readonly seat: string | null;
  readonly call: string | null;
  readonly policyVersion: string;
  /** What follows; null: nothing yet. */
  readonly containment: Containment | null;
}

export interface Containment {
  /** `containment:<id>` */
  readonly ruleId: string;
  /** What is to be locked; null: the workflow may only read from here on. */
  readonly lock: { readonly target: LockTarget; readonly value: string } | null;
}

export interface CheckpointSaved extends Decided, Chained {
  readonly type: "checkpoint.saved";
  readonly seat: string;
  readonly bytes: number;
  /** Keyed digest of the value. */
  readonly digest: string;
}

export interface WorkflowClosed extends Decided, Chained {
  readonly type: "workflow.closed";
  readonly seat: string | null;
}

export const EVENT_TYPES = [
  "workflow.opened",
  "seat.granted",
  "seat.refused",
  "seat.renewed",
  "call.admitted",
  "call.refused",
  "call.settled",
  "call.resent",
  "call.reconciled",
  "approval.decided",
  "approval.refused",
  "usage.reported",
  "signal.raised",
  "checkpoint.saved",
  "workflow.closed",
] as const satisfies readonly EventBody["type"][];
