import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import type { SeenState } from "../tunnel/protocol.ts";

export interface Segment {
  readonly states: Map<string, SeenState>;
  readonly horizon: string;
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
  const states = new Map<string, SeenState>();
  for (const [at, entry] of entries.entries()) {
    if (typeof entry?.["call"] === "string") states.set(entry["call"], "started");
    else if (typeof entry?.["done"] === "string") states.set(entry["done"], "done");
    else throw new JournalCorrupt(file, at + 2);
  }
  return { states, horizon, bytes: end };
}

function readLine(line: string): JsonObject | null {
  const parsed = parseStrict(line);
  return parsed.ok && isObject(parsed.value) ? parsed.value : null;
}
