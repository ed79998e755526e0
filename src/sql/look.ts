import { quoted } from "./rewrite.ts";
import type { Condition } from "./write.ts";

/** Rows of one relation by their key, as a write is observed. */
export interface RowsOf {
  /** `schema.name`. */
  readonly relation: string;
  readonly key: readonly string[];
  /** Read before and after; the key is among them. */
  readonly columns: readonly string[];
}

/** How a connector sees what a write changes. */
export interface ObservedRows extends RowsOf {
  /** Columns that are left out of the change. */
  readonly ignore: readonly string[];
  /** See `Writable`. */
  readonly also: readonly string[];
}

/**
 * Every value as the text that PostgreSQL writes: as a number, `1.0` and `1.00`, or two large integers
 * inside of a JSON value, would be one, and the change from one to the other would not show.
 */
function textsOf(columns: readonly string[]): string {
  return columns.map((name) => `${quoted(name)}::text as ${quoted(name)}`).join(", ");
}

/** The fence of a query (rewrite.ts): whatever the condition says, there is no other column. */
function looked({ relation, columns }: RowsOf, alias: string): string {
  const dot = relation.indexOf(".");
  const place = `${quoted(relation.slice(0, dot))}.${quoted(relation.slice(dot + 1))}`;
  const fence = `(select ${columns.map(quoted).join(", ")} from ${place})`;
  return `select ${textsOf(columns)} from ${fence} as ${quoted(alias)}`;
}

/** The rows that a write is about, before it. */
export function lookBefore(rows: RowsOf, alias: string, { text }: Condition): string {
  return `${looked(rows, alias)} where (\n${text}\n)`;
}

/** The rows with these keys: `$1`, `$2`, … are their values, key after key. */
export function lookByKey(rows: RowsOf, count: number): string {
  const { key } = rows;
  const one = (at: number): string =>
    `(${key.map((name, of) => `${quoted(name)} = $${at * key.length + of + 1}`).join(" and ")})`;
  return `${looked(rows, "q")} where ${Array.from({ length: count }, (_, at) => one(at)).join(" or ")}`;
}

/** The statement, answering with the keys of what it wrote. Its end may be a comment. */
export function returningKeys(statement: string, { key }: RowsOf): string {
  return `${statement}\nreturning ${textsOf(key)}`;
}
