import { MIN_GROUP } from "../sql/summary.ts";
import type { GuardedStatements, Statements } from "./config.ts";
import type { Reader } from "./reader.ts";

const RELATION = /^[^."\0]{1,63}\.[^."\0]{1,63}$/;
const COLUMN = /^[^"\0]{1,63}$/;
const MAX_GROUP = 1_000_000;

export function readStatements(reader: Reader | null): Statements | null {
  if (reader === null) return null;
  if (reader.is("string")) return reader.oneOf(["any"] as const);
  if (reader.is("object")) return readGuarded(reader);
  const digests = reader
    .items()
    .map((one) => one.string(/^[0-9a-f]{64}$/, "SHA-256 of the statement's text, lower-case hex"));
  return new Set(digests.filter((one) => one !== null));
}

/** Queries that nobody wrote down before: of these columns only. */
function readGuarded(reader: Reader): GuardedStatements | null {
  const members = reader.members(["relations", "minGroup"]);
  const listed = reader.required(members, "relations", '{ "billing.invoices": ["id", "status"] }');
  const minGroup = members.get("minGroup")?.integer(MIN_GROUP, MAX_GROUP) ?? null;
  const relations = new Map<string, ReadonlySet<string>>();
  for (const [name, columns] of listed?.members() ?? []) {
    if (!RELATION.test(name)) columns.wrong("invalid_value", "name a relation as schema.name");
    const names = columns.items().map((one) => one.string(COLUMN, "a column's name"));
    // A name that is no column but the relation's own would mean a whole row.
    if (names.includes(name.slice(name.indexOf(".") + 1))) {
      columns.wrong("invalid_value", "a column may not be called like its relation");
    }
    relations.set(name, new Set(names.filter((one) => one !== null)));
  }
  return listed === null ? null : { relations, minGroup };
}
