import { MIN_GROUP } from "../sql/summary.ts";
import type { Readable } from "../sql/sealed.ts";
import type { GuardedStatements, ListedWrites, Statements } from "./config.ts";
import type { Reader } from "./reader.ts";

const RELATION = /^[^."\0]{1,63}\.[^."\0]{1,63}$/;
const COLUMN = /^[^"\0]{1,63}$/;
const MAX_GROUP = 1_000_000;
/** Two operations a row, of as many as a human is shown: see MAX_SHOWN_OPERATIONS of the gateway. */
const MAX_WRITE_ROWS = 100;

export function readStatements(reader: Reader | null): Statements | null {
  if (reader === null) return null;
  if (reader.is("string")) return reader.oneOf(["any"] as const);
  if (reader.is("object")) return readGuarded(reader);
  const digests = reader
    .items()
    .map((one) => one.string(/^[0-9a-f]{64}$/, "SHA-256 of the statement's text, lower-case hex"));
  return new Set(digests.filter((one) => one !== null));
}

/** Statements that nobody wrote down before: of these columns only. */
function readGuarded(reader: Reader): GuardedStatements | null {
  const members = reader.members(["relations", "minGroup", "writes"]);
  const listed = reader.required(members, "relations", '{ "billing.invoices": ["id", "status"] }');
  const minGroup = members.get("minGroup")?.integer(MIN_GROUP, MAX_GROUP) ?? null;
  const relations = new Map<string, ReadonlySet<string>>();
  for (const [name, columns] of listed?.members() ?? []) {
    if (!RELATION.test(name)) columns.wrong("invalid_value", "name a relation as schema.name");
    const names = readColumns(columns);
    // A name that is no column but the relation's own would mean a whole row.
    if (names.includes(name.slice(name.indexOf(".") + 1))) {
      columns.wrong("invalid_value", "a column may not be called like its relation");
    }
    relations.set(name, new Set(names));
  }
  const writes = readWrites(members.get("writes"), relations);
  // Rows are answered and shown by a write, one by one.
  if (minGroup !== null && writes.size > 0) {
    members.get("writes")?.wrong("invalid_value", "write elsewhere: summaries show no single row");
  }
  return listed === null ? null : { relations, minGroup, writes };
}

function readWrites(
  reader: Reader | undefined,
  relations: Readable,
): ReadonlyMap<string, ListedWrites> {
  const writes = new Map<string, ListedWrites>();
  for (const [name, one] of reader?.members() ?? []) {
    const columns = relations.get(name);
    if (columns === undefined) {
      one.wrong("invalid_value", `list the columns of "${name}" under "relations", too`);
      continue;
    }
    const found = readWritable(one, columns);
    if (found !== null) writes.set(name, found);
  }
  return writes;
}

function readWritable(reader: Reader, columns: ReadonlySet<string>): ListedWrites | null {
  const members = reader.members(["key", "insert", "update", "delete", "also", "maxRows"]);
  const of = (name: string): readonly string[] => {
    const list = members.get(name);
    const names = list === undefined ? [] : readColumns(list);
    if (!names.every((one) => columns.has(one))) {
      list?.wrong("invalid_value", 'name columns that stand under "relations", too');
    }
    return names;
  };
  reader.required(members, "key", '["id"], what tells its rows apart');
  const [key, insert, update] = [of("key"), of("insert"), of("update")];
  const mayDelete = members.get("delete")?.boolean() ?? false;
  const most = reader.required(members, "maxRows", "rows that one statement may write");
  const maxRows = most?.integer(1, MAX_WRITE_ROWS) ?? null;
  const also = (members.get("also")?.items() ?? []).map((one) =>
    one.string(RELATION, "name a relation as schema.name"),
  );
  if (members.has("key") && key.length === 0) {
    reader.wrong("invalid_value", "name at least one column of the key");
  }
  if (update.some((one) => key.includes(one))) {
    members.get("update")?.wrong("invalid_value", "a key is never changed: its row would be lost");
  }
  if (insert.length === 0 && update.length === 0 && !mayDelete) {
    reader.wrong("invalid_value", 'allow "insert", "update" or "delete", or remove it');
  }
  if (maxRows === null) return null;
  return {
    ...{ key, insert: new Set(insert), update: new Set(update), delete: mayDelete, maxRows },
    also: new Set(also.filter((one) => one !== null)),
  };
}

function readColumns(reader: Reader): readonly string[] {
  const names = reader.items().map((one) => one.string(COLUMN, "a column's name"));
  return names.filter((one) => one !== null);
}
