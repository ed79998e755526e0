import { open as openFile, readFile, rename, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { SeenState } from "../tunnel/protocol.ts";
import { readSegment, type Segment } from "./journal-segment.ts";

export { JournalCorrupt } from "./journal-segment.ts";

const CURRENT = "journal.jsonl";
const PREVIOUS = "journal.1.jsonl";
const NEXT = "journal.next.jsonl";
/** Two segments are kept: some 100,000 calls, about 30 MB of memory for the index. */
const MAX_SEGMENT_BYTES = 16 * 1_024 * 1_024;

export interface JournalEntry {
  readonly call: string;
  readonly txn: string;
  /** Hash of the admission event: a witness of the record, outside the gateway's reach. */
  readonly record: string;
}

export interface JournalOptions {
  readonly maxBytes?: number;
  /** A disk of another kind, for faults. */
  readonly open?: typeof openFile;
}

interface Waiting {
  readonly line: string;
  /** The call this line starts; null for its end. */
  readonly call: string | null;
  resolve(durable: boolean): void;
}

/**
 * What this connector ever started, on disk before it starts: `{call, txn, record}`, then
 * `{done: call}`. No values. All entries of one turn, and all that arrive while the disk is busy,
 * share one fsync.
 */
export class Journal {
  readonly #dir: string;
  readonly #maxBytes: number;
  #file: FileHandle;
  /** Length known to be durable; whatever lies behind is cut off before the next write. */
  #durable: number;
  #torn = false;
  #current: Map<string, SeenState>;
  #previous: ReadonlyMap<string, SeenState>;
  /** The youngest call that was forgotten: of older ones `never` would be a guess. */
  #horizon: string;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | null = null;

  private constructor(
    dir: string,
    maxBytes: number,
    file: FileHandle,
    current: Segment,
    previous: Segment | null,
  ) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
    this.#file = file;
    this.#durable = current.bytes;
    this.#current = current.states;
    this.#previous = previous?.states ?? new Map();
    this.#horizon = current.horizon;
  }

  /** `horizon`: what may have happened before this journal, if it does not exist yet. */
  static async open(
    dir: string,
    horizon: string,
    { maxBytes = MAX_SEGMENT_BYTES, open = openFile }: JournalOptions = {},
  ): Promise<Journal> {
    let text = await read(join(dir, CURRENT));
    if (text === null && (await read(join(dir, NEXT))) !== null) {
      // Stopped between the two renames of a rotation.
      await rename(join(dir, NEXT), join(dir, CURRENT));
      text = await read(join(dir, CURRENT));
    }
    if (text === null) {
      await create(dir, CURRENT, horizon);
      text = await read(join(dir, CURRENT));
    }
    const previous = await read(join(dir, PREVIOUS));
    const current = readSegment(CURRENT, text ?? "");
    const file = await open(join(dir, CURRENT), "r+", 0o600);
    try {
      // A torn last line was never acknowledged, so nothing ever followed it.
      await file.truncate(current.bytes);
      await file.datasync();
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Journal(
      dir,
      maxBytes,
      file,
      current,
      previous === null ? null : readSegment(PREVIOUS, previous),
    );
  }

  /** True: on disk, the call may start. False: it must not. */
  started(entry: JournalEntry): Promise<boolean> {
    const { call, txn, record } = entry;
    // Seen from this moment, durable or not: `never` must not be said of a call on its way.
    this.#current.set(call, "started");
    const line = JSON.stringify({ call, txn, record });
    return new Promise((resolve) => {
      this.#waiting.push({ line, call, resolve });
      this.#flushing ??= this.#flush();
    });
  }

  /** Rides along with the next call. Lost in a crash, this one counts as started: that claims less. */
  done(call: string): void {
    // A start that never became durable was never acted upon.
    if (!this.#current.has(call) && !this.#previous.has(call)) return;
    this.#current.set(call, "done");
    this.#waiting.push({
      line: JSON.stringify({ done: call }),
      call: null,
      resolve: () => undefined,
    });
  }

  seen(call: string): SeenState {
    const state = this.#current.get(call) ?? this.#previous.get(call);
    return state ?? (call <= this.#horizon ? "unknown" : "never");
  }

  async close(): Promise<void> {
    await (this.#flushing ??= this.#flush());
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    // Lets the rest of this turn join.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const durable = await this.#write(batch);
      for (const one of batch) {
        if (!durable && one.call !== null) this.#current.delete(one.call);
        one.resolve(durable);
      }
    }
    // In the same turn as the look above: whoever comes next starts a new flush.
    this.#flushing = null;
  }

  async #write(batch: readonly Waiting[]): Promise<boolean> {
    const bytes = Buffer.from(batch.map((one) => `${one.line}\n`).join(""));
    try {
      // Half a line in the middle would be corruption at the next start.
      if (this.#torn) await this.#file.truncate(this.#durable);
      this.#torn = true;
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await this.#file.write(
          bytes,
          at,
          bytes.length - at,
          this.#durable + at,
        );
        at += bytesWritten;
      }
      await this.#file.datasync();
      this.#torn = false;
      this.#durable += bytes.length;
    } catch {
      return false;
    }
    if (this.#durable >= this.#maxBytes) await this.#rotate();
    return true;
  }

  /** A failed rotation leaves the journal as it is, only longer. */
  async #rotate(): Promise<void> {
    let horizon = this.#horizon;
    for (const call of this.#previous.keys()) if (call > horizon) horizon = call;
    let file: FileHandle | null = null;
    try {
      await create(this.#dir, NEXT, horizon);
      file = await openFile(join(this.#dir, NEXT), "r+", 0o600);
      const { size } = await file.stat();
      await rename(join(this.#dir, CURRENT), join(this.#dir, PREVIOUS));
      await rename(join(this.#dir, NEXT), join(this.#dir, CURRENT));
      await syncFolder(this.#dir);
      await this.#file.close();
      this.#file = file;
      this.#durable = size;
    } catch {
      await file?.close();
      return;
    }
    this.#horizon = horizon;
    this.#previous = this.#current;
    this.#current = new Map();
  }
}

/** Largest id that a call could have had until this moment; ids are ordered by time. */
export function horizonAt(nowMs: number): string {
  return `call_${Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, "0")}${"f".repeat(20)}`;
}

async function create(dir: string, name: string, horizon: string): Promise<void> {
  const file = await openFile(join(dir, name), "w", 0o600);
  try {
    await file.write(`${JSON.stringify({ journal: 1, horizon })}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await syncFolder(dir);
}

/** A new name is durable only with its folder. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await openFile(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function read(path: string): Promise<string | null> {
  try {
    // One character a byte, so that lengths of text are offsets in the file.
    return await readFile(path, "latin1");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
