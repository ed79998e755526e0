/** `full` is a refusal like `replayed`: what cannot be remembered must not be accepted. */
export type Spending = "fresh" | "replayed" | "full";

/**
 * What was used once. `verifyCall` spends the token's `txn` here. The store below lives in one
 * process: a tool that runs as several processes, or must survive a restart inside a token's life,
 * brings its own over a shared database.
 */
export interface SpentStore {
  /** Atomic: of two calls with one id, at most one gets `fresh`. Times in milliseconds. */
  spend(id: string, expiresAt: number, now: number): Spending | Promise<Spending>;
}

/** Ids held at once: 60 s at more than 4,000 calls/s, about 40 MB at worst. */
export const MAX_SPENT = 262_144;
/** Width of an expiry bucket: forgetting is one deletion a second, not one scan a call. */
const BUCKET_MS = 1_000;

/** In memory, bounded, for one process. */
export class MemorySpentStore implements SpentStore {
  readonly #capacity: number;
  readonly #seen = new Set<string>();
  readonly #buckets = new Map<number, string[]>();
  /** A clock that steps back must not bring a forgotten id to life again. */
  #latest = 0;

  constructor(capacity: number = MAX_SPENT) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#seen.size;
  }

  spend(id: string, expiresAt: number, now: number): Spending {
    if (now > this.#latest) this.#advance(now);
    if (expiresAt <= this.#latest || this.#seen.has(id)) return "replayed";
    if (this.#seen.size >= this.#capacity) return "full";
    this.#seen.add(id);
    const due = Math.ceil(expiresAt / BUCKET_MS);
    const bucket = this.#buckets.get(due);
    if (bucket === undefined) this.#buckets.set(due, [id]);
    else bucket.push(id);
    return "fresh";
  }

  /** Once a second; buckets number at most the seconds of the longest life, so the walk is short. */
  #advance(now: number): void {
    const turned = Math.floor(now / BUCKET_MS) > Math.floor(this.#latest / BUCKET_MS);
    this.#latest = now;
    if (!turned) return;
    for (const [due, ids] of this.#buckets) {
      if (due * BUCKET_MS > this.#latest) continue;
      for (const id of ids) this.#seen.delete(id);
      this.#buckets.delete(due);
    }
  }
}
