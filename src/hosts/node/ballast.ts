import { randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Reserve } from "./journal.ts";

const FILE = "ballast";
/** About a hundred locks: each is one event, which takes a few pages of the database. */
const SIZE_BYTES = 4 * 1_024 * 1_024;
const CHUNK_BYTES = 64 * 1_024;

/** Room on the disk that nothing but a lock may use: a kill must be durable when all other room is gone. */
export class Ballast implements Reserve {
  readonly #path: string;
  #bytes = 0;

  constructor(folder: string) {
    this.#path = join(folder, FILE);
    this.restore();
  }

  /** What stands ready. Less than all of it: the disk is nearly full. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Gives the room to whoever writes next, which has to be in this very turn. */
  release(): void {
    rmSync(this.#path, { force: true });
    this.#bytes = 0;
  }

  /** Takes back as much of the room as there is. */
  restore(): void {
    if (this.#bytes === SIZE_BYTES) return;
    try {
      // Truncates first: what is left of an older one is room again.
      const file = openSync(this.#path, "w", 0o600);
      this.#bytes = 0;
      try {
        // Random: a file system that compresses would keep no room for zeros.
        const chunk = randomFillSync(Buffer.allocUnsafe(CHUNK_BYTES));
        while (this.#bytes < SIZE_BYTES) this.#bytes += writeSync(file, chunk);
      } finally {
        closeSync(file);
      }
    } catch {
      // Full, or forbidden: what was written so far is the ballast there can be.
    }
  }
}
