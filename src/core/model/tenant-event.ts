import type { Subject } from "./command.ts";
import type { Containment } from "./event.ts";
import type { LockTarget } from "./lock.ts";
import type { SignalCode } from "./signal.ts";
import type { KeyPurpose } from "./signing-key.ts";

/**
 * The tenant stream: what belongs to no workflow. Same two tables, same chain as a workflow's
 * record, under the reserved stream name below.
 */
export const TENANT_STREAM = "tenant";

export type TenantEventBody =
  | {
      readonly type: "bundle.activated";
      readonly policyVersion: string;
      /** What it replaces; null for the first. */
      readonly previous: string | null;
    }
  | {
      readonly type: "join.created";
      /** SHA-256, hex, of the code's secret. */
      readonly code: string;
      readonly network: string;
      readonly tier: string;
      readonly expiresAt: number;
    }
  | {
      readonly type: "connector.enrolled";
      readonly connector: string;
      readonly network: string;
      readonly tier: string;
      /** RFC 7638 thumbprint of the connector's key. */
      readonly jkt: string;
      readonly code: string;
    }
  | {
      /** Another key of its own; the one of before is good no more. */
      readonly type: "connector.rotated";
      readonly connector: string;
      readonly jkt: string;
      readonly previous: string;
    }
  | {
      /** Asked to finish what it has, and to stop. */
      readonly type: "connector.drained";
      readonly connector: string;
    }
  | {
      /** No key of it is good any more. */
      readonly type: "connector.removed";
      readonly connector: string;
    }
  | {
      readonly type: "exchange.refused";
      /** Only an agent that proved its key gets an entry: strangers cannot fill the disk. */
      readonly agent: string;
      readonly code: string;
      readonly ruleIds: readonly string[];
      readonly policyVersion: string;
    }
  | TenantSignalRaised
  | LockAdded
  | LockRemoved
  | LockExpired
  | LockDrained
  | KeyEvent;

/** Something suspicious whose evidence names no workflow. */
export interface TenantSignalRaised {
  readonly type: "signal.raised";
  readonly signal: SignalCode;
  /** What the evidence authenticates; null: nothing. */
  readonly subject: Subject | null;
  /** Empty before the first bundle. */
  readonly policyVersion: string;
  /** What follows; null: nothing. */
  readonly containment: Containment | null;
}

/**
 * The epoch of the locks is the number of events that began or ended one: a second end of the same
 * lock counts for nothing.
 */
export interface LockAdded {
  readonly type: "lock.added";
  readonly lock: string;
  readonly target: LockTarget;
  readonly value: string;
  /** The operator's own words; the one place of the record that holds any. */
  readonly reason: string;
  /** Who asked: `operator`, or what acted by itself. */
  readonly by: string;
  /** When it came into force, which is earlier than the record where the disk was full. */
  readonly since: number;
  /** Null: until it is removed. */
  readonly expiresAt: number | null;
  /** In flight under it when it came, and cut. */
  readonly calls: number;
}

export interface LockRemoved {
  readonly type: "lock.removed";
  readonly lock: string;
  readonly by: string;
}

export interface LockExpired {
  readonly type: "lock.expired";
  readonly lock: string;
}

/** Every call that was in flight when the lock came has its durable end. */
export interface LockDrained {
  readonly type: "lock.drained";
  readonly lock: string;
  readonly drainedAt: number;
}

/** What became of one of the gateway's own keys. */
export type KeyEvent = KeyPublished | KeyRotated | KeyRetired;

/** A key of the gateway's own that will sign; until then others learn it. */
interface KeyPublished {
  readonly type: "key.published";
  readonly purpose: KeyPurpose;
  /** RFC 7638 thumbprint, as everywhere below. */
  readonly key: string;
  /** When it is meant to sign. */
  readonly activeAt: number;
}

/** From now on this key signs. What the previous one signed is good as long as it was made for. */
interface KeyRotated {
  readonly type: "key.rotated";
  readonly purpose: KeyPurpose;
  readonly key: string;
  /** Null: there was none, or it was locked. */
  readonly previous: string | null;
}

/** Nothing under this key is believed any more. */
interface KeyRetired {
  readonly type: "key.retired";
  readonly purpose: KeyPurpose;
  readonly key: string;
  /** The lock that ended it; null: its time was over. */
  readonly lock: string | null;
}

export const TENANT_EVENT_TYPES = [
  "bundle.activated",
  "join.created",
  "connector.enrolled",
  "connector.rotated",
  "connector.drained",
  "connector.removed",
  "exchange.refused",
  "signal.raised",
  "lock.added",
  "lock.removed",
  "lock.expired",
  "lock.drained",
  "key.published",
  "key.rotated",
  "key.retired",
] as const satisfies readonly TenantEventBody["type"][];
