import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import type { SeenState } from "../tunnel/protocol.ts";

/** What will know the end of a write: the database that ran it, and its number there (`xid8`). */
export interface Transaction {
  readonly destination: string;
  readonly xid: string;
}

export interface Known {
  readonly state: SeenState;
  /** Null: none, or its end is known. */
  readonly transaction: Transaction | null;
  /** Started more than once: that the service refused it now says nothing of the time before. */
  readonly again?: true;
}

/** Shared, since nearly all of a hundred thousand calls are one of these. */
const PLAIN = new Map<SeenState, Known>();

export function known(state: SeenState): Known {
  const plain = PLAIN.get(state) ?? { state, transaction: null };
  PLAIN.set(state, plain);
  return plain;
}

const AGAIN: Known = { state: "started", transaction: null, again: true };

/** What is known of a call that starts. Nothing unsays that it took effect. */
export function starting(before: Known | undefined, transaction: Transaction | null): Known {
  if (before?.state === "committed") return before;
  if (transaction !== null) return { state: "started", transaction };
  return before === undefined || before.state === "aborted" ? known("started") : AGAIN;
}

export interface Segment {
  readonly states: Map<string, Known>;
  readonly horizon: string;
  /** The file that it was begun as (see journal.ts); null: it does not say. */
  readonly file: string | null;
  /** Bytes of whole lines; behind them at most one torn line. */
  readonly bytes: number;
}

/** A journal that does not read cannot prove that something never started. */
export class JournalCorrupt extends Error {
  override readonly name = "JournalCorrupt";
  readonly file: string;
  readonly line: number;

  constructor(file: string, line: number) {
    super(`${file} line ${line} does not read; move the file away to start a new journal`);
    this.file = file;
    this.line = line;
  }
}

/** `text` holds one character a byte. Only what ends in a line break counts: the last line may be torn, none before it may. */
export function readSegment(file: string, text: string): Segment {
  const end = text.lastIndexOf("\n") + 1;
  const lines = text.slice(0, end).split("\n").slice(0, -1);
  const [first, ...entries] = lines.map(readLine);
  const horizon = first?.["journal"] === 1 ? first["horizon"] : undefined;
  if (typeof horizon !== "string") throw new JournalCorrupt(file, 1);
  const begunAs = first?.["file"];
  const states = new Map<string, Known>();
  for (const [at, entry] of entries.entries()) {
    const read = entry === null ? null : (readStart(entry, states) ?? readEnd(entry));
    if (read === null) throw new JournalCorrupt(file, at + 2);
    states.set(...read);
  }
  return { states, horizon, file: typeof begunAs === "string" ? begunAs : null, bytes: end };
}

const XID = /^[0-9]{1,20}$/;

function readStart(
  { call, destination, xid }: JsonObject,
  states: ReadonlyMap<string, Known>,
): [string, Known] | null {
  if (typeof call !== "string") return null;
  const before = states.get(call);
  if (destination === undefined && xid === undefined) return [call, starting(before, null)];
  // A transaction that cannot be asked about would look like one that never was.
  if (typeof destination !== "string" || typeof xid !== "string" || !XID.test(xid)) return null;
  return [call, starting(before, { destination, xid })];
}

function readEnd({ done, state = "done" }: JsonObject): [string, Known] | null {
  const ends = ["done", "committed", "aborted"] as const;
  const end = ends.find((one) => one === state);
  return typeof done === "string" && end !== undefined ? [done, known(end)] : null;
}

function readLine(line: string): JsonObject | null {
  const parsed = parseStrict(line);
  return parsed.ok && isObject(parsed.value) ? parsed.value : null;
}
