import {
  type Lock,
  type LockTable,
  REVOKING_TARGETS,
  type Revocation,
  type RevokingTarget,
} from "../../core/model/lock.ts";
import { MAX_LIFE_MS } from "../../core/session/limits.ts";

/** Longer than any workflow lives: a clock that was set right meanwhile must not shorten it. */
export const REVOCATION_LIFE_MS = MAX_LIFE_MS + 60 * 60 * 1_000;

export interface LockEntry extends Lock {
  readonly reason: string;
  readonly by: string;
  readonly since: number;
  /** Null: until it is removed. */
  readonly expiresAt: number | null;
}

/**
 * The locks of one tenant in memory. What has ended never comes back, and the epoch only grows: a
 * clock that jumps back finds no lock to revive.
 */
export class TenantLocks {
  readonly #locks = new Map<string, LockEntry>();
  #revocations: { readonly until: number; readonly revocation: Revocation }[] = [];
  #epoch = 0;
  #table: LockTable | null = null;
  /** When the table has to be looked at again. */
  #next = Infinity;

  get epoch(): number {
    return this.#epoch;
  }

  get size(): number {
    return this.#locks.size;
  }

  get entries(): readonly LockEntry[] {
    return [...this.#locks.values()];
  }

  get(id: string): LockEntry | undefined {
    return this.#locks.get(id);
  }

  add(entry: LockEntry): void {
    this.#locks.set(entry.id, entry);
    this.#changed();
  }

  /** False: it had ended already, which begins no epoch. */
  end(id: string, at: number): boolean {
    const lock = this.#locks.get(id);
    if (lock === undefined) return false;
    this.#locks.delete(id);
    this.#changed();
    if (revokes(lock)) {
      const { target, value } = lock;
      const revocation = { id, target, value, epoch: this.#epoch };
      this.#revocations.push({ until: at + REVOCATION_LIFE_MS, revocation });
    }
    return true;
  }

  /** Ids of the locks whose time is over. */
  due(now: number): readonly string[] {
    if (now < this.#next) return [];
    return this.entries
      .filter(({ expiresAt }) => expiresAt !== null && expiresAt <= now)
      .map(({ id }) => id);
  }

  /** Milliseconds since the epoch of the next change that time alone makes; Infinity: none. */
  get next(): number {
    return this.#next;
  }

  /** What holds at `now`, once `due` has been ended. The same object until something changes. */
  table(now: number): LockTable {
    if (this.#table === null || now >= this.#next) {
      this.#revocations = this.#revocations.filter(({ until }) => now < until);
      this.#table = {
        epoch: this.#epoch,
        locks: this.entries.map(({ id, target, value }) => ({ id, target, value })),
        revocations: this.#revocations.map(({ revocation }) => revocation),
      };
      this.#next = Math.min(
        Infinity,
        ...this.entries.flatMap(({ expiresAt }) => expiresAt ?? []),
        ...this.#revocations.map(({ until }) => until),
      );
    }
    return this.#table;
  }

  #changed(): void {
    this.#epoch++;
    this.#table = null;
    // Nobody knows when until the table is made again.
    this.#next = -Infinity;
  }
}

function revokes(lock: Lock): lock is Lock & { readonly target: RevokingTarget } {
  return REVOKING_TARGETS.some((target) => target === lock.target);
}
