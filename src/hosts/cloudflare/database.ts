import { LAYOUT, SCHEMA } from "../node/schema.ts";
import type { Database, SqlValue } from "../node/sql.ts";
import type { ObjectStorage } from "./platform.ts";

/** An object's own SQLite, as the parts that both hosts share know it. */
export function databaseOf({ sql }: Pick<ObjectStorage, "sql">): Database {
  return {
    prepare(text) {
      const ask = (values: readonly SqlValue[]): Iterable<Record<string, unknown>> =>
        sql.exec(text, ...values.map(bound));
      return {
        run: (...values) => void [...ask(values)],
        get: (...values) => [...ask(values)].map(read)[0],
        all: (...values) => [...ask(values)].map(read),
        *iterate(...values) {
          for (const row of ask(values)) yield read(row);
        },
      };
    },
  };
}

/** Asked before anything is written: whoever makes a name up must not leave an object behind. */
export function hasLayout(storage: Pick<ObjectStorage, "sql">): boolean {
  const table = databaseOf(storage).prepare("SELECT 1 FROM sqlite_master WHERE name = 'layout'");
  if (table.get() === undefined) return false;
  const row = databaseOf(storage).prepare("SELECT version FROM layout").get();
  if (row?.["version"] === LAYOUT) return true;
  throw new Error(
    `this object has layout ${String(row?.["version"])}, this Worker reads ${LAYOUT}`,
  );
}

export function makeLayout(storage: ObjectStorage): void {
  if (hasLayout(storage)) return;
  storage.transactionSync(() => {
    void [...storage.sql.exec(SCHEMA)];
    void [...storage.sql.exec("CREATE TABLE layout (version INTEGER NOT NULL)")];
    void [...storage.sql.exec("INSERT INTO layout VALUES (?)", LAYOUT)];
  });
}

/** A view of a larger buffer would be stored with all of it. */
function bound(value: SqlValue): null | number | string | ArrayBuffer {
  return value instanceof Uint8Array ? new Uint8Array(value).buffer : value;
}

function read(row: { readonly [column: string]: unknown }): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value instanceof ArrayBuffer ? new Uint8Array(value) : value,
    ]),
  );
}
