import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { ObserveRows, SqlOperation } from "../core/model/operation.ts";
import { rowChange } from "../core/model/row-change.ts";
import { lookBefore, lookByKey, returningKeys } from "../sql/look.ts";
import { readWrite, type Write } from "../sql/write.ts";
import {
  bothStates,
  Unobservable,
  type Look,
  type Observed,
  type Observer,
} from "./postgres-observe.ts";
import type { ResultText } from "./postgres-result.ts";

const NO_ROWS = '{"rows":[]}';
/** Relations that one transaction has written to. */
const MAX_RELATIONS = 1_000;

/**
 * Rows written by this transaction, by relation; a partition counts as what it is a part of. Catalogues
 * are among them: so is what a trigger creates, drops or truncates. The server's counters also hold what earlier transactions of the connection have not reported yet, so
 * only the difference over a statement says something. Anybody may read them.
 */
const WRITTEN = `select n.nspname || '.' || r.relname as relation,
    sum(pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)
      + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)
      + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid))::text as written
  from pg_catalog.pg_class c
  join pg_catalog.pg_class r on r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
  join pg_catalog.pg_namespace n on n.oid = r.relnamespace
  where c.relkind = 'r'
  group by r.oid, n.nspname, r.relname
  having sum(pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)
    + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)
    + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)) > 0`;

/**
 * A write that an agent wrote. Its rows are looked up by its own condition before, and by their keys
 * after; and the server says how many rows the transaction wrote, and where. What a trigger, a rule or
 * a foreign key writes beside the rows that are shown is refused, not guessed at.
 */
export class RowObserver implements Observer {
  readonly statement: string;
  readonly #sql: SqlOperation["sql"];
  readonly #observe: ObserveRows;
  readonly #write: Write;
  #before = NO_ROWS;
  #counted: ReadonlyMap<string, number> = new Map();

  constructor(sql: SqlOperation["sql"], observe: ObserveRows) {
    this.#sql = sql;
    this.#observe = observe;
    this.#write = readWrite(sql.statement);
    this.statement = returningKeys(sql.statement, observe);
  }

  async before(look: Look): Promise<void> {
    const { params, maxRows } = this.#sql;
    const { alias, condition } = this.#write;
    if (condition !== null) {
      const values = condition.parameters.map((number) => params[number - 1] ?? null);
      this.#before = await look(lookBefore(this.#observe, alias, condition), values, maxRows);
    }
    this.#counted = countsOf(await look(WRITTEN, [], MAX_RELATIONS));
  }

  async change(look: Look, written: ResultText): Promise<Observed> {
    // One row more than may be written, in this very transaction.
    if (written.truncated) throw new Unobservable("preview_too_large");
    const touched = rowsIn(written.text());
    this.#expectNothingElse(touched.length, countsOf(await look(WRITTEN, [], MAX_RELATIONS)));
    const earlier = rowsIn(this.#before);
    const after = await this.#after(look, this.#write.verb === "insert" ? touched : earlier);
    const expected = {
      insert: touched.length,
      update: earlier.length,
      delete: earlier.length - touched.length,
    }[this.#write.verb];
    const [from, to] = bothStates(this.#before, JSON.stringify({ rows: after }));
    const change = rowChange(from, to, this.#observe);
    // A key that is none, or a row that a condition found and its key does not.
    if (change === null || after.length !== expected) throw new Unobservable("output_invalid");
    return { before: from, after: to, change: change.change };
  }

  /** In the order of `rows`, which is the one that new rows are told apart by. */
  async #after(look: Look, rows: readonly JsonObject[]): Promise<readonly JsonObject[]> {
    if (rows.length === 0) return [];
    const { key } = this.#observe;
    const values = rows.flatMap((row) => key.map((column) => row[column] ?? null));
    const text = await look(lookByKey(this.#observe, rows.length), values, this.#sql.maxRows);
    const keyOf = (row: JsonObject): string => JSON.stringify(key.map((column) => row[column]));
    const places = new Map(rows.map((row, at) => [keyOf(row), at]));
    const placeOf = (row: JsonObject): number => places.get(keyOf(row)) ?? rows.length;
    return rowsIn(text).toSorted((a, b) => placeOf(a) - placeOf(b));
  }

  #expectNothingElse(touched: number, counted: ReadonlyMap<string, number>): void {
    const { relation, also } = this.#observe;
    const grown = new Map(
      [...counted].map(([id, count]) => [id, count - (this.#counted.get(id) ?? 0)]),
    );
    const beside = [...grown].filter(([id, count]) => count > 0 && id !== relation);
    if ((grown.get(relation) ?? 0) !== touched || beside.some(([id]) => !also.includes(id))) {
      throw new Unobservable("upstream_rejected");
    }
  }
}

function countsOf(text: string): ReadonlyMap<string, number> {
  return new Map(rowsIn(text).map(({ relation, written }) => [String(relation), Number(written)]));
}

/** Of what `ResultText` wrote. */
function rowsIn(text: string): readonly JsonObject[] {
  const { rows } = JSON.parse(text) as { readonly rows: readonly Json[] };
  return rows.filter(isObject);
}
