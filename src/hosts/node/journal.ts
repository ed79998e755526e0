import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { AuditUnavailable } from "../../gateway/ports.ts";

/** One prepared statement with its values: what a batch is made of. */
interface Write {
  readonly statement: StatementSync;
  readonly values: readonly SQLInputValue[];
}

/**
 * Group commit: everything written in one turn of the event loop shares one transaction and one
 * fsync. A failed commit fails its whole batch: each writer is told, and nothing of it happened.
 */
export class Journal {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  #writes: Write[] = [];
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #failed: (() => void)[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  /** Joins the batch of this turn. `undo` runs, before any writer hears of it, if the batch fails. */
  write(writes: readonly Write[], undo?: () => void): Promise<void> {
    if (this.#waiting.length === 0) setImmediate(() => this.flush());
    this.#writes.push(...writes);
    if (undo !== undefined) this.#failed.push(undo);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Commits what has gathered, now. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const [writes, waiting, failed] = [this.#writes, this.#waiting, this.#failed];
    this.#writes = [];
    this.#waiting = [];
    this.#failed = [];
    try {
      this.#begin.run();
      for (const { statement, values } of writes) statement.run(...values);
      this.#commit.run();
    } catch {
      // The cause may hold bound values in its text: it is not passed on (P10).
      if (this.#db.isTransaction) this.#rollback.run();
      for (const undo of failed) undo();
      const error = new AuditUnavailable("the record could not be made durable");
      for (const { reject } of waiting) reject(error);
      return;
    }
    for (const { resolve } of waiting) resolve();
  }
}
