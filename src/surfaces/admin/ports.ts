import type { LockTarget } from "../../core/model/lock.ts";
import type { KeyPurpose, KeyState } from "../../core/model/signing-key.ts";
import type { Tier } from "../../core/model/policy.ts";
import type { StoredEvent } from "../../gateway/ports.ts";
import type { Mistake } from "../../policy/bundle/mistake.ts";
import type { CallReport } from "../../gateway/report.ts";
import type { Inventory } from "../../policy/inventory.ts";
import type { TrustView, WhoCan } from "../../policy/trust-view.ts";

/** What an administrator can ask of a running gateway. The host answers; this surface translates. */
export interface Administration {
  readonly tenants: readonly string[];
  activateBundle(tenant: string, files: Readonly<Record<string, string>>): Promise<Activation>;
  /** A one-time code that lets one connector in. */
  createJoinCode(
    tenant: string,
    scope: { network: string; tier: Tier; lifeMs: number },
  ): Promise<JoinCode>;
  listConnectors(tenant: string): readonly ConnectorStatus[];
  /** Gives it no more calls and asks it to stop; with how many it still has. */
  drainConnector(tenant: string, connector: string): Promise<ConnectorFault | Drained>;
  /** Another key of its own, in the session that it has; the one of before is good no more. */
  rotateConnector(tenant: string, connector: string): Promise<ConnectorFault | Rekeyed>;
  /** No key of it is good any more, and its session is cut. False: there is none of that name. */
  removeConnector(tenant: string, connector: string): Promise<boolean>;
  /** In force in this very turn; resolves when that is recorded, or could not be. */
  addLock(tenant: string, request: NewLock): Promise<LockAnswer>;
  listLocks(tenant: string): LockList | null;
  showLock(tenant: string, lock: string): LockView | null;
  removeLock(tenant: string, lock: string): Promise<"removed" | "unknown" | "unavailable">;
  /** Null: no bundle is active, so nobody can reach anything. */
  showTrust(tenant: string): TrustView | null;
  whoCan(tenant: string, tool: string): WhoCan | null;
  /** Null: no bundle is active, so there are no tools. */
  inventory(tenant: string): Inventory | null;
  /** The gateway's own, oldest first. */
  listKeys(tenant: string): readonly KeyView[];
  /** On the disk when it resolves. One that is under way already is the one that was asked for. */
  rotateKeys(tenant: string, rotation: Rotation): Promise<RotationAnswer>;
  listWorkflows(tenant: string, limit: number): readonly WorkflowLine[];
  events(
    tenant: string,
    workflow: string,
    after: number,
    limit: number,
  ): Promise<readonly StoredEvent[]>;
  showCall(tenant: string, call: string): Promise<CallReport | null>;
}

export type Activation =
  | { readonly ok: true; readonly policyVersion: string; readonly previous: string | null }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

export interface JoinCode {
  readonly code: string;
  readonly expiresAt: string;
}

export interface ConnectorStatus {
  readonly connector: string;
  readonly network: string;
  readonly tier: Tier;
  readonly connected: boolean;
}

/** `away`: it has no session, or did not answer. */
export type ConnectorFault = "unknown" | "away";
export interface Drained {
  readonly calls: number;
}
export interface Rekeyed {
  /** RFC 7638 thumbprint. */
  readonly key: string;
}

export interface NewLock {
  readonly target: LockTarget;
  readonly value: string;
  readonly reason: string;
  /** Null: until it is removed. */
  readonly lifeMs: number | null;
}

export type LockAnswer =
  | {
      readonly ok: true;
      readonly lock: LockView;
      /** False: nothing of this name is known here, which may be a typing mistake. Null: nobody can tell. */
      readonly known: boolean | null;
    }
  | { readonly ok: false; readonly code: "too_many_locks" | "locks_unavailable" };

/** `in_force_volatile`: it holds, but no disk has it; it is tried again until one does. */
export const LOCK_STATES = ["in_force", "in_force_volatile"] as const;

export interface LockView {
  readonly lock: string;
  readonly target: LockTarget;
  readonly value: string;
  readonly reason: string;
  readonly by: string;
  readonly state: (typeof LOCK_STATES)[number];
  /** Since then nothing under it is admitted, and results are withheld. */
  readonly inForceAt: string;
  /** Calls that were in flight under it, and cut. */
  readonly calls: number;
  /** Since then each of them has its durable end; null: not yet. */
  readonly drainedAt: string | null;
  readonly expiresAt: string | null;
}

export interface LockList {
  readonly epoch: number;
  readonly locks: readonly LockView[];
}

export interface Rotation {
  readonly purposes: readonly KeyPurpose[];
  /** Not after the others have had time to learn the new key. */
  readonly now: boolean;
}

export type RotationAnswer =
  | {
      readonly ok: true;
      readonly keys: readonly KeyView[];
      /** False: it holds, and the record has no room for it yet. */
      readonly recorded: boolean;
    }
  | { readonly ok: false; readonly code: "too_many_keys" | "unavailable" };

export interface KeyView {
  readonly purpose: KeyPurpose;
  /** RFC 7638 thumbprint. */
  readonly key: string;
  readonly state: KeyState;
  readonly publishedAt: string;
  readonly activeAt: string;
  readonly retiredAt: string | null;
  /** What it signed is good until then. */
  readonly usableUntil: string | null;
  /** Until then an expired credential under it may be renewed. */
  readonly goneAt: string | null;
}

export interface WorkflowLine {
  readonly workflow: string;
  readonly events: number;
  readonly startedAt: string;
}
