/** What is used of SQLite: both hosts have it, each from its platform. */
export interface Database {
  prepare(sql: string): Statement;
}

export interface Statement {
  run(...values: readonly SqlValue[]): unknown;
  get(...values: readonly SqlValue[]): Row | undefined;
  all(...values: readonly SqlValue[]): Row[];
  iterate(...values: readonly SqlValue[]): Iterable<Row>;
}

export type SqlValue = null | number | string | Uint8Array;
type Row = Record<string, unknown>;

/** One prepared statement with its values: what a batch is made of. */
export interface Write {
  readonly statement: Statement;
  readonly values: readonly SqlValue[];
}
