import { changeOf, type ObservedChange } from "./change.ts";
import { canonical, isObject, type Json, type JsonObject } from "./json.ts";
import type { ObserveRows } from "./operation.ts";

/**
 * Of rows with a key, before and after a write: `{relation: {key: row}}`, so that a change says in its
 * path which row it is about. Gateway and connector both compute it here, as `observedChange`. Null:
 * these rows cannot be told apart.
 */
export function rowChange(before: Json, after: Json, observe: ObserveRows): ObservedChange | null {
  const [from, to] = [byKey(before, observe), byKey(after, observe)];
  if (from === null || to === null) return null;
  return { before: from, after: to, change: changeOf(from, to) };
}

/** A row whose key differs on every run goes by its place among the new ones. */
function byKey(value: Json, { relation, key, ignore }: ObserveRows): JsonObject | null {
  const rows = isObject(value) ? value["rows"] : undefined;
  if (!Array.isArray(rows)) return null;
  const ignored = new Set(ignore);
  const isNew = key.some((column) => ignored.has(column));
  const named = new Map<string, Json>();
  for (const [at, row] of (rows as readonly Json[]).entries()) {
    const name = !isObject(row) ? null : isNew ? `+${at + 1}` : keyOf(row, key);
    // As a member's name, this one would end the session that it is sent over.
    if (!isObject(row) || name === null || name === "__proto__" || named.has(name)) return null;
    const shown = Object.entries(row).filter(([column]) => !ignored.has(column));
    named.set(name, Object.fromEntries(shown));
  }
  return { [relation]: Object.fromEntries(named) };
}

/** One column stands as it is, several as a list: two different keys never look the same. */
function keyOf(row: JsonObject, key: readonly string[]): string | null {
  const values = key.map((column) => row[column]);
  if (!values.every((value) => typeof value === "string")) return null;
  return values.length === 1 ? (values[0] ?? null) : canonical(values);
}
