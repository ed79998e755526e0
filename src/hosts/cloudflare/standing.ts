import type { Presenter } from "../../core/model/command.ts";
import type { LockTable } from "../../core/model/lock.ts";
import type { Tier } from "../../core/model/policy.ts";
import type { PrivateJwk } from "../../identity/keys.ts";

/** A session admits and dispatches for this long on what its tenant told it (design section 9). */
export const LEASE_MS = 5_000;

/** All that a session must know of its tenant to decide, as of one moment. */
export interface Standing {
  /** The active bundle; null before the first activation. */
  readonly digest: string | null;
  /** Null: nobody can say what is locked, and nothing is admitted. */
  readonly locks: LockTable | null;
  /** Connectors that take work now. */
  readonly connectors: readonly Connected[];
  /** `SessionKeys`, wrapped for this workflow alone. */
  readonly keys: Uint8Array;
}

export interface Connected extends Presenter {
  readonly network: string;
  readonly tier: Tier;
}

/** What signs a session's call tokens, and whose signatures it believes: public halves only. */
export interface SessionKeys {
  readonly call: Pick<PrivateJwk, "x" | "d"> | null;
  readonly callTokens: readonly string[];
  readonly credentials: readonly string[];
}

export function keysPlace(tenant: string, workflow: string): string {
  return `standing/${tenant}/${workflow}`;
}
