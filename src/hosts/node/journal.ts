import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Write } from "./sql.ts";

/** What stands in memory already and must be on disk before anything that was decided under it. */
export interface Owed {
  readonly writes: readonly Write[];
  committed(): void;
  /** Nothing of it happened; it is asked for again. */
  failed(): void;
}

/** Room that is kept for what is owed. */
export interface Reserve {
  release(): void;
  restore(): void;
}

export interface Creditor {
  /** All that is owed, in order, for the commit of this moment; null: nothing. */
  owed(): Owed | null;
  /** Not even alone, and with the room kept for it, could it be written now. */
  unrecorded(): void;
  /** A commit, good or bad, is over. */
  over(): void;
}

/**
 * Group commit: everything written in one turn of the event loop shares one transaction and one
 * fsync. A failed commit fails its whole batch: each writer is told, and nothing of it happened.
 * What is owed joins every batch, so no event is ever durable without the lock it was decided under.
 */
export class Journal {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #reserve: Reserve | null;
  readonly #elapsed: () => number;
  #creditor: Creditor | null = null;
  #writes: Write[] = [];
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #failed: (() => void)[] = [];
  #scheduled = false;
  #closed = false;
  #commitMs = 0;

  /** `elapsed`: monotonic milliseconds. */
  constructor(
    db: DatabaseSync,
    reserve: Reserve | null = null,
    elapsed: () => number = () => performance.now(),
  ) {
    this.#db = db;
    this.#reserve = reserve;
    this.#elapsed = elapsed;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  /** Joins the batch of this turn. `undo` runs, before any writer hears of it, if the batch fails. */
  write(writes: readonly Write[], undo?: () => void): Promise<void> {
    if (this.#closed) {
      undo?.();
      return Promise.reject(new AuditUnavailable("the record is closed"));
    }
    this.urge();
    this.#writes.push(...writes);
    if (undo !== undefined) this.#failed.push(undo);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** How long the last commit waited for the disk, in milliseconds. */
  get commitMs(): number {
    return this.#commitMs;
  }

  owes(creditor: Creditor): void {
    this.#creditor = creditor;
  }

  /** Commits at the end of this turn, also when only something is owed. */
  urge(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Commits what has gathered and takes nothing more: the database may be closed after this. */
  close(): void {
    this.flush();
    this.#closed = true;
  }

  /** Commits what has gathered, now. */
  flush(): void {
    if (this.#closed) return;
    this.#scheduled = false;
    const owed = this.#owed();
    if (this.#waiting.length === 0 && owed === null) return;
    const [writes, waiting, failed] = [this.#writes, this.#waiting, this.#failed];
    this.#writes = [];
    this.#waiting = [];
    this.#failed = [];
    if (this.#try([...writes, ...(owed?.writes ?? [])])) {
      owed?.committed();
      for (const { resolve } of waiting) resolve();
    } else {
      for (const undo of failed) undo();
      owed?.failed();
      const error = new AuditUnavailable("the record could not be made durable");
      for (const { reject } of waiting) reject(error);
      if (owed !== null) this.#rescue();
    }
    this.#creditor?.over();
  }

  #owed(): Owed | null {
    return this.#creditor?.owed() ?? null;
  }

  /** A kill is durable all the same: alone, and with the room that is kept for it. */
  #rescue(): void {
    if (this.#pay()) return;
    this.#reserve?.release();
    const paid = this.#pay();
    // In the same turn: the next commit of calls would use up what is left of the room.
    this.#reserve?.restore();
    if (!paid) this.#creditor?.unrecorded();
  }

  #pay(): boolean {
    const owed = this.#owed();
    if (owed === null) return true;
    const paid = this.#try(owed.writes);
    if (paid) owed.committed();
    else owed.failed();
    return paid;
  }

  #try(writes: readonly Write[]): boolean {
    try {
      this.#begin.run();
      for (const { statement, values } of writes) statement.run(...values);
      const written = this.#elapsed();
      this.#commit.run();
      this.#commitMs = this.#elapsed() - written;
      return true;
    } catch {
      // The cause may hold bound values in its text: it is not passed on (P10).
      this.#undo();
      return false;
    }
  }

  /** A rollback that fails leaves a transaction in which no later one can begin: nothing is admitted. */
  #undo(): void {
    try {
      if (this.#db.isTransaction) this.#rollback.run();
    } catch {
      // Thrown on, it would end the process before any writer heard of the failed commit.
    }
  }
}
