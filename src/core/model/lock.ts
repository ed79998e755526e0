/** `key` is a JWK thumbprint (RFC 7638); `human` a tenant-keyed pseudonym. */
export const LOCK_TARGETS = [
  "tenant",
  "human",
  "agent",
  "key",
  "workflow",
  "tool",
  "destination",
  "connector",
  "bundle",
] as const;
export type LockTarget = (typeof LOCK_TARGETS)[number];

export interface Lock {
  readonly id: string;
  readonly target: LockTarget;
  readonly value: string;
}

/** The locks of one tenant in force, under one epoch. */
export interface LockTable {
  readonly epoch: number;
  readonly locks: readonly Lock[];
}
