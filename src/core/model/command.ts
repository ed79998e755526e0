import type { Limits } from "./bundle.ts";
import type { RedactionCount } from "./event.ts";
import type { Json, JsonObject } from "./json.ts";
import type { LockTarget } from "./lock.ts";
import type { PreviewSeal } from "./operation.ts";
import type { FailureCode } from "./outcome.ts";
import type { SignalCode } from "./signal.ts";

/** What can be asked of a workflow. Signatures and proofs were checked before (surfaces, identity). */
export type Command =
  | OpenCommand
  | SeatCommand
  | RenewCommand
  | CallCommand
  | SettleCommand
  | ReconcileCommand
  | ResendCommand
  | DecideApprovalCommand
  | ReportUsageCommand
  | SignalCommand
  | CheckpointCommand
  | CloseCommand;

/**
 * Whose key a seat would be bound to. A thumbprint registers once, for one agent of one tenant;
 * only a host sees more than one workflow, so it says what it knows and the core judges.
 */
export const KEY_STANDINGS = ["own", "other_agent", "other_tenant"] as const;
export type KeyStanding = (typeof KEY_STANDINGS)[number];

export interface OpenCommand {
  readonly type: "open";
  readonly tenant: string;
  readonly workflow: string;
  readonly seat: string;
  /** Tenant-keyed pseudonym; the claims below stay in the sealed input. */
  readonly human: string;
  readonly claims: JsonObject;
  readonly agent: string;
  readonly jkt: string;
  readonly key: KeyStanding;
  readonly purpose: string;
  /** Asked for. Absent: all that trust gives. */
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Asked for, in milliseconds from now. */
  readonly lifeMs?: number;
  /** What the human entered at the start; sealed, later the source of trusted arguments. */
  readonly inputs: JsonObject;
  readonly keyDigest: string;
  /** Workflows of this human with this agent that are open now. */
  readonly live: number;
}

/** An agent of the workflow gives another one a seat, or a tool that is an agent takes its own. */
export interface SeatCommand {
  readonly type: "seat";
  /** The giver's. */
  readonly parent: string;
  readonly seat: string;
  readonly agent: string;
  readonly jkt: string;
  readonly key: KeyStanding;
  /** Asked for. Absent: all that giver and trust give. */
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly lifeMs?: number;
  /** The call whose token was exchanged, good for one seat; null: the giver's credential. */
  readonly call: string | null;
}

export interface RenewCommand {
  readonly type: "renew";
  readonly seat: string;
}

/** Where a call would go, chosen before it is decided. */
export interface Presenter {
  readonly connector: string;
  readonly session: string;
}

/** `human`: entered when the workflow was opened; the others: in results of its tools. */
export const SOURCES = ["human", "trusted", "untrusted", "unknown"] as const;
export type Source = (typeof SOURCES)[number];
export type ArgumentSources = { readonly [argument: string]: readonly Source[] };

export type Shaped =
  | {
      readonly ok: true;
      readonly policyArguments: JsonObject;
      /**
       * SHA-256, hex, of what would be executed; of the arguments for a call without effect. Null:
       * nothing of this bundle asks for it.
       */
      readonly operation: string | null;
      /** RFC 8785 form of the arguments that name what is acted on. */
      readonly target: string;
      /**
       * Data classes that this call itself names, so that its result says something of each: all of
       * them must be disclosed. Absent: its result is classified, and the rest taken out.
       */
      readonly named?: readonly string[];
      /** Where the values of the tool's source arguments were found. */
      readonly sources: ArgumentSources;
    }
  | { readonly ok: false; readonly at: readonly string[] };

export interface CallCommand {
  readonly type: "call";
  readonly call: string;
  readonly txn: string;
  readonly seat: string;
  /** As sent; any string. */
  readonly tool: string;
  readonly arguments: Json;
  /** Result of the schema check. Null: no such tool. */
  readonly shaped: Shaped | null;
  /** Null: no connector serves the destination now. */
  readonly presenter: Presenter | null;
  /** Id of the request for approval, should there be one. */
  readonly approval: string;
  /** The agent's own, any string; null without one. */
  readonly idempotencyKey: string | null;
  /** `tctx.preview` where no approval sets it: the change that an undo has to be, exactly. */
  readonly expects?: string;
}

/** How a request ended at the connector. `effect: none` is a proof, `possible` the lack of one. */
export type Settlement =
  | {
      readonly kind: "answered";
      readonly redactions: readonly RedactionCount[];
      readonly dropped: number;
      readonly undeclared: number;
      readonly truncated: boolean;
      readonly bytes: number;
      /** Canary records among them. */
      readonly canaries: number;
    }
  | {
      readonly kind: "previewed";
      readonly seal: PreviewSeal;
      /** Data classes of the values that would change, sorted. */
      readonly classes: readonly string[];
    }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly effect: "none" | "possible" };

export interface SettleCommand {
  readonly type: "settle";
  readonly call: string;
  readonly settlement: Settlement;
  readonly runtimeMs: number;
}

/**
 * What became of a call of unknown outcome. `never`: its connector proved that it never saw it, and
 * its session of that time is over; the others: the database, or the service by its idempotency key.
 */
export interface ReconcileCommand {
  readonly type: "reconcile";
  readonly call: string;
  readonly session: string;
  readonly finding: Finding;
}
export const FINDINGS = ["never", "committed", "aborted"] as const;
export type Finding = (typeof FINDINGS)[number];

/**
 * A call once more, under a new token. Of unknown outcome: under the same idempotency key, so that its
 * service does it if it has not yet, and says so in either case. Still in flight: its connector is gone.
 */
export interface ResendCommand {
  readonly type: "resend";
  readonly call: string;
  /**
   * SHA-256, hex, of what would be executed: what was admitted, down to the last byte. Null: the call is
   * in flight, and its request was never let go of.
   */
  readonly operation: string | null;
  readonly txn: string;
  /** Of unknown outcome: the connector that had it before, whose journal alone tells what became of it. */
  readonly presenter: Presenter;
  /** What came of it so far. `none` is a proof that nothing did. */
  readonly effect: "none" | "possible";
}

/** A human, freshly signed in for this digest, gives or refuses one kind. */
export interface DecideApprovalCommand {
  readonly type: "decideApproval";
  readonly approval: string;
  readonly kind: string;
  readonly verdict: "approve" | "reject";
  /** Tenant-keyed pseudonym. */
  readonly human: string;
  readonly groups: readonly string[];
  /** Of the request as this human saw it. */
  readonly digest: string;
}

/** Model usage, as the agent tells it: believed, because it only ever stops its own next call. */
export interface ReportUsageCommand {
  readonly type: "reportUsage";
  readonly seat: string;
  readonly tokens: number;
}

/** What a signal is about. */
export interface Subject {
  readonly target: LockTarget;
  readonly value: string;
}

export interface SignalCommand {
  readonly type: "signal";
  readonly signal: SignalCode;
  readonly seat: string | null;
  readonly call: string | null;
  /** What the evidence itself authenticates, and all that may be locked beside the workflow. */
  readonly subject: Subject | null;
  /** Locked at once, whatever the bundle's rules say: the evidence proves it whole. */
  readonly quarantine?: Subject;
}

export interface CheckpointCommand {
  readonly type: "checkpoint";
  readonly seat: string;
  /** Opaque to us; goes to the sealed table. */
  readonly value: Json;
  readonly bytes: number;
}

export interface CloseCommand {
  readonly type: "close";
  readonly seat: string | null;
}
