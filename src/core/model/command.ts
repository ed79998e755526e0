import type { Limits } from "./bundle.ts";
import type { RedactionCount } from "./event.ts";
import type { FailureCode } from "./outcome.ts";
import type { Json, JsonObject } from "./json.ts";

/** What can be asked of a workflow. Signatures and proofs were checked before (surfaces, identity). */
export type Command =
  | OpenCommand
  | RenewCommand
  | CallCommand
  | SettleCommand
  | ReconcileCommand
  | CheckpointCommand
  | CloseCommand;

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
  readonly purpose: string;
  /** Asked for. Absent: all that trust gives. */
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Asked for, in milliseconds from now. */
  readonly lifeMs?: number;
  /** What the human entered at the start; sealed, later the source of trusted arguments. */
  readonly inputs: JsonObject;
  readonly keyDigest: string;
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

export type Shaped =
  | { readonly ok: true; readonly policyArguments: JsonObject }
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
    }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly effect: "none" | "possible" };

export interface SettleCommand {
  readonly type: "settle";
  readonly call: string;
  readonly settlement: Settlement;
  readonly runtimeMs: number;
}

/** The connector proved that it never saw the call, and its session of that time is over. */
export interface ReconcileCommand {
  readonly type: "reconcile";
  readonly call: string;
  readonly session: string;
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
