import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A host whose gateway takes the time from us: `nodeHost({ entry: OTHER_CLOCK })`. */
export const OTHER_CLOCK = fileURLToPath(new URL("other-clock.ts", import.meta.url));

export interface ToldTime {
  readonly offsetMs: number;
  /** Milliseconds since the epoch; null: it goes on. */
  readonly frozenAt: number | null;
}

/** The wall clock of one gateway. Its monotonic one cannot be set, as on a real machine. */
export class GatewayClock {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.off(0);
  }

  /** So far from ours. */
  off(seconds: number): void {
    this.#tell({ offsetMs: seconds * 1_000, frozenAt: null });
  }

  /** Stands still at this second, until it is told something else. */
  stopAt(seconds: number): void {
    this.#tell({ offsetMs: 0, frozenAt: seconds * 1_000 });
  }

  /** In one step: the gateway may look at any moment. */
  #tell(time: ToldTime): void {
    const file = join(this.#folder, "clock.json");
    writeFileSync(`${file}.new`, JSON.stringify(time));
    renameSync(`${file}.new`, file);
  }
}
