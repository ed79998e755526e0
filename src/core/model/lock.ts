/** `key` is a JWK thumbprint (RFC 7638); `human` a tenant-keyed pseudonym, `definition` that of a tool in a bundle. */
export const LOCK_TARGETS = [
  "tenant",
  "human",
  "agent",
  "key",
  "workflow",
  "tool",
  "definition",
  "destination",
  "connector",
  "bundle",
] as const;
export type LockTarget = (typeof LOCK_TARGETS)[number];

/** These revoke for good what was issued before: removing the lock lets only new workflows in. */
export const REVOKING_TARGETS = [
  "tenant",
  "human",
  "agent",
  "key",
  "workflow",
] as const satisfies readonly LockTarget[];
export type RevokingTarget = (typeof REVOKING_TARGETS)[number];

export interface Lock {
  readonly id: string;
  readonly target: LockTarget;
  readonly value: string;
}

/** What a lock that is gone left behind: seats given before `epoch` stay dead. */
export interface Revocation {
  /** Of the lock. */
  readonly id: string;
  readonly target: RevokingTarget;
  readonly value: string;
  /** The epoch that began when the lock was removed or ran out. */
  readonly epoch: number;
}

/** The locks of one tenant in force, under one epoch. It grows with every lock added or removed. */
export interface LockTable {
  readonly epoch: number;
  readonly locks: readonly Lock[];
  /** Of the last hours: no workflow lives longer than these are kept. */
  readonly revocations: readonly Revocation[];
}
