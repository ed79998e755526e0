import { Refused } from "./refusal.ts";
import type { Write } from "./write.ts";

/** What may be written of one relation, on either side of the tunnel. */
export interface Writable {
  /** Columns that tell its rows apart, none of them ever NULL or changed. */
  readonly key: readonly string[];
  /** Columns that an INSERT may give a value; none: no INSERT. */
  readonly insert: ReadonlySet<string>;
  /** Columns that an UPDATE may give another one; none: no UPDATE. */
  readonly update: ReadonlySet<string>;
  readonly delete: boolean;
  /** Relations, as `schema.name`, that triggers and foreign keys may write along: no preview shows them. */
  readonly also: ReadonlySet<string>;
}

/** PostgreSQL has these in every table; they tell of rows what no catalogue says. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  "tableoid",
  "xmin",
  "cmin",
  "xmax",
  "cmax",
  "ctid",
]);

/** Throws `Refused` where the statement writes or reads what it may not. `columns`: what may be read. */
export function expectWritable(
  { verb, alias, written, read, relation }: Write,
  columns: ReadonlySet<string>,
  writable: Writable,
): void {
  const { start } = relation;
  // Of a column that the table does not have, such a name would mean the whole row.
  if (columns.has(alias)) throw new Refused("alias_refused", start);
  for (const { name, at } of read) {
    if (name === alias) throw new Refused("whole_row", at);
    if (!columns.has(name) || SYSTEM_COLUMNS.has(name)) throw new Refused("column_unknown", at);
  }
  if (verb === "delete" ? !writable.delete : writable[verb].size === 0) {
    throw new Refused("write_denied", start);
  }
  for (const name of written) {
    if (!columns.has(name)) throw new Refused("column_unknown", start);
    const fixed = verb === "update" && writable.key.includes(name);
    if (verb === "delete" || fixed || SYSTEM_COLUMNS.has(name) || !writable[verb].has(name)) {
      throw new Refused("write_denied", start);
    }
  }
}
