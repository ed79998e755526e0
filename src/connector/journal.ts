import { open as openFile, readFile, rename, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import {
  known,
  readSegment,
  starting,
  type Known,
  type Segment,
  type Transaction,
} from "./journal-segment.ts";

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
  /** Of a write to a database, which can be asked how it ended. */
  readonly transaction?: Transaction;
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
  /** What was known of it before this line. */
  readonly before: Known | undefined;
  resolve(durable: boolean): void;
}

/**
 * What this connector ever started, on disk before it starts: `{call, txn, record}`, of a write to a
 * database also `{destination, xid}`; then `{done: call}`, with its end where that is known. No values. All entries of one turn, and all
 * that arrive while the disk is busy, share one fsync.
 */
export class Journal {
  readonly #dir: string;
  readonly #maxBytes: number;
  #file: FileHandle;
  /** Length known to be durable; whatever lies behind is cut off before the next write. */
  #durable: number;
  #torn = false;
  #current: Map<string, Known>;
  #previous: ReadonlyMap<string, Known>;
  /** Taken, and on the way to their line: how often. */
  readonly #taken = new Map<string, number>();
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
    for (const [call, { state }] of this.#current) {
      const before = this.#previous.get(call);
      if (state !== "committed" && before?.state === "committed") this.#current.set(call, before);
    }
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
    const before = previous === null ? null : readSegment(PREVIOUS, previous);
    const journal = new Journal(dir, maxBytes, file, current, before);
    if (current.file !== (await fileOf(file))) await journal.#distrust(horizon);
    return journal;
  }

  /**
   * It is a copy: brought back from a backup, or taken to another machine. What the one that it was copied
   * from has started since then is not in here, so of nothing that came before this moment `never` is said.
   */
  async #distrust(horizon: string): Promise<void> {
    if (horizon > this.#horizon) this.#horizon = horizon;
    // Where that fails it is a copy again at the next start.
    await this.#rotate();
  }

  /** Of a call on its way `never` must not be said. */
  taken(call: string): void {
    this.#taken.set(call, (this.#taken.get(call) ?? 0) + 1);
  }

  /** True: on disk, the call may start. False: it must not. */
  started({ call, txn, record, transaction }: JournalEntry): Promise<boolean> {
    // Durable or not, from this moment.
    const before = this.#find(call);
    this.#current.set(call, starting(before, transaction ?? null));
    const line = JSON.stringify({ call, txn, record, ...transaction });
    return new Promise((resolve) => {
      this.#waiting.push({ line, call, before, resolve });
      this.#flushing ??= this.#flush();
    });
  }

  /** `effect`: as the answer says; `made` where it was a success; `possible` also of what has none. */
  done(call: string, effect: "made" | "none" | "possible"): void {
    const taken = (this.#taken.get(call) ?? 0) - 1;
    if (taken > 0) this.#taken.set(call, taken);
    else this.#taken.delete(call);
    const { state, transaction, again } = this.#find(call) ?? known("unknown");
    // Of two that were under way at once the first may have ended without a word.
    if (effect === "made" && (state === "started" || state === "done")) {
      return this.#ends(call, "committed");
    }
    // A start that never became durable was never acted upon.
    if (state !== "started") return;
    if (effect === "none" && again !== true) this.#ends(call, "aborted");
    // With a transaction the database is asked, whenever somebody wants to know.
    else if (transaction === null) this.#ends(call, "done");
  }

  /** Its end is known: kept, since the database forgets, and the gateway may die before it hears of it. */
  settled(call: string, end: "committed" | "aborted"): void {
    if (this.#find(call)?.state === "started") this.#ends(call, end);
  }

  seen(call: string): Known {
    const found = this.#find(call);
    if (found !== undefined) return found;
    if (this.#taken.has(call)) return known("started");
    return known(call <= this.#horizon ? "unknown" : "never");
  }

  #find(call: string): Known | undefined {
    return this.#current.get(call) ?? this.#previous.get(call);
  }

  /** What could not be started is what it was before: of a call that is here already `never` is wrong. */
  #unsay({ call, before }: Waiting): void {
    if (call === null) return;
    if (before === undefined) this.#current.delete(call);
    else this.#current.set(call, before);
  }

  /** Rides along with the next call. Lost in a crash, this one counts as started: that claims less. */
  #ends(call: string, end: "done" | "committed" | "aborted"): void {
    this.#current.set(call, known(end));
    this.#waiting.push({
      line: JSON.stringify({ done: call, ...(end !== "done" && { state: end }) }),
      call: null,
      before: undefined,
      resolve: () => undefined,
    });
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
      if (!durable) for (const one of batch.toReversed()) this.#unsay(one);
      for (const one of batch) one.resolve(durable);
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
    await file.write(`${JSON.stringify({ journal: 1, horizon, file: await fileOf(file) })}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await syncFolder(dir);
}

/** A name for this very file, under whatever path: a copy of it is another one, a renamed one is not. */
async function fileOf(file: FileHandle): Promise<string> {
  const { ino, birthtimeNs } = await file.stat({ bigint: true });
  return `${ino}-${birthtimeNs}`;
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
