import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Creditor, Journal } from "../node/journal.ts";
import type { Write } from "../node/sql.ts";
import type { ObjectStorage } from "./platform.ts";

/**
 * What is decided is written in the same synchronous block; the platform's output gate holds back all that
 * leaves the object until it is durable (P1). What is owed joins every commit, as on Node.
 */
export class ObjectJournal implements Pick<Journal, "write" | "owes" | "urge" | "flush"> {
  readonly #storage: ObjectStorage;
  #creditor: Creditor | null = null;
  #urged = false;

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
  }

  write(writes: readonly Write[], undo?: () => void): Promise<void> {
    if (this.#commit(writes)) return Promise.resolve();
    undo?.();
    return Promise.reject(new AuditUnavailable("the record could not be made durable"));
  }

  owes(creditor: Creditor): void {
    this.#creditor = creditor;
  }

  urge(): void {
    if (this.#urged) return;
    this.#urged = true;
    queueMicrotask(() => this.flush());
  }

  flush(): void {
    this.#urged = false;
    if (!this.#commit([])) this.#creditor?.unrecorded();
  }

  #commit(writes: readonly Write[]): boolean {
    const owed = this.#creditor?.owed() ?? null;
    const all = [...writes, ...(owed?.writes ?? [])];
    if (all.length === 0) return true;
    const done = this.#try(all);
    if (done) owed?.committed();
    else owed?.failed();
    this.#creditor?.over();
    return done;
  }

  #try(writes: readonly Write[]): boolean {
    try {
      this.#storage.transactionSync(() => {
        for (const { statement, values } of writes) statement.run(...values);
      });
      return true;
    } catch {
      // The cause may hold bound values in its text: it is not passed on (P10).
      return false;
    }
  }
}
