import { lookUp, type Relation } from "./catalogue.ts";
import type { RefusedQuery } from "./guard.ts";
import type { ObservedRows } from "./look.ts";
import { tokensOf } from "./parse.ts";
import { Refused } from "./refusal.ts";
import { quoted } from "./rewrite.ts";
import { refusalOfWrite } from "./sealed-write.ts";
import { expectWritable, type Writable } from "./writable.ts";
import { readWrite, type Verb, type Write } from "./write.ts";

export interface WritableRelation extends Relation {
  readonly writable: Writable;
  /** Columns that differ each time, whoever writes: defaults, and what triggers set. */
  readonly volatile: ReadonlySet<string>;
}

export interface WriteCatalogue {
  /** By `schema.name`. */
  readonly relations: ReadonlyMap<string, WritableRelation>;
}

/** A write that may be made, if policy lets its caller see these classes. */
export interface GuardedWrite {
  readonly ok: true;
  readonly verb: Verb;
  /** `schema.name`. */
  readonly relation: string;
  /** Sorted, as `schema.name.column`: read by its condition or its values. */
  readonly columns: readonly string[];
  /** The same, of columns that are given a value. */
  readonly written: readonly string[];
  /** Sorted: of the relation and of all of these columns. */
  readonly classes: readonly string[];
  /** To execute: its relation with its schema, one statement without its semicolon. */
  readonly statement: string;
  readonly observe: ObservedRows;
}

export interface WriteLimits {
  /** How many values are given for `$1`, `$2`, … */
  readonly parameters: number;
  readonly maxRows: number;
}

/** As `guardQuery`: pure, total; the text is a value. */
export function guardWrite(
  text: string,
  catalogue: WriteCatalogue,
  limits: WriteLimits,
): GuardedWrite | RefusedQuery {
  try {
    return guarded(text, catalogue, limits);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, at: error.at };
    throw error;
  }
}

function guarded(
  text: string,
  catalogue: WriteCatalogue,
  { parameters, maxRows }: WriteLimits,
): GuardedWrite {
  const write = readWrite(text);
  const { schema, name, start } = write.relation;
  const relation = lookUp(catalogue, schema ?? "", name, start);
  const columns = new Set(relation.columns.keys());
  expectWritable(write, columns, relation.writable);
  if (write.rows > maxRows) throw new Refused("write_rows");
  const numbers = Array.from({ length: parameters }, (_, at) => at + 1);
  if (write.parameters.symmetricDifference(new Set(numbers)).size > 0) {
    throw new Refused("parameters");
  }
  const statement = qualified(text, write, relation);
  const observe = observedBy(write, relation);
  // What the connector is going to say of it, before anything is admitted.
  const listed = new Map([[relation.id, relation.writable]]);
  const readable = new Map([[relation.id, columns]]);
  const refusal = refusalOfWrite(statement, observe, readable, listed);
  if (refusal !== null) throw new Refused(refusal);
  const read = [...new Set(write.read.map((one) => one.name))].sort();
  const written = write.written.toSorted();
  const classes = [...read, ...written].map((one) => relation.columns.get(one)?.dataClass ?? "");
  const idOf = (one: string): string => `${relation.id}.${one}`;
  return {
    ok: true,
    verb: write.verb,
    relation: relation.id,
    columns: read.map(idOf),
    written: written.map(idOf),
    classes: [...new Set([relation.dataClass, ...classes])].sort(),
    statement,
    observe,
  };
}

function qualified(text: string, { relation }: Write, { schema, name }: Relation): string {
  const bytes = new TextEncoder().encode(text);
  const cut = (from: number, to: number): string =>
    new TextDecoder().decode(bytes.subarray(from, to));
  const tokens = tokensOf(text).filter((token) => token.text !== ";");
  const { start, end } = relation;
  const place = `${quoted(schema)}.${quoted(name)}`;
  return `${cut(tokens[0]?.start ?? 0, start)}${place}${cut(end, tokens.at(-1)?.end ?? end)}`;
}

/** What is written is never left out: an approval of a change that nobody saw would be none. */
function observedBy({ verb, written }: Write, relation: WritableRelation): ObservedRows {
  const { key, also } = relation.writable;
  const shown = new Set([...written, ...(verb === "insert" ? [] : key)]);
  return {
    relation: relation.id,
    key,
    columns: [...relation.columns.keys()],
    ignore: [...relation.volatile.difference(shown)].sort(),
    also: [...also].sort(),
  };
}
