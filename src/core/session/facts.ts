import type { BundleView } from "../model/bundle.ts";
import type { LockTable } from "../model/lock.ts";
import type { Evaluator } from "../model/policy.ts";

/** Everything a decision may look at that is not the workflow's own, read in the same turn. */
export interface Facts {
  /** Gateway clock, milliseconds since the epoch. */
  readonly now: number;
  readonly bundle: BundleView;
  /** Null: the host cannot vouch for them, and then nothing is admitted. */
  readonly locks: LockTable | null;
  readonly evaluator: Evaluator;
  /** SHA-256, hex, of the UTF-8 text. */
  hash(text: string): string;
  /** HMAC-SHA-256, hex, under a key derived from the workflow's own. */
  mac(text: string): string;
}
