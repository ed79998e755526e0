import { isObject, type Json } from "./json.ts";

/**
 * A change as RFC 6902 operations. Each `replace` and `remove` stands behind a `test` of the old
 * value, so the list shows before and after, applies to nothing else, and can be turned round.
 */
export type Change = readonly ChangeOperation[];
export type ChangeOperation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** From one JSON value to another. Arrays are compared place by place; the tail is added or removed. */
export function changeOf(before: Json, after: Json): Change {
  const operations: ChangeOperation[] = [];
  compare("", before, after, operations);
  return operations;
}

function compare(path: string, before: Json, after: Json, to: ChangeOperation[]): void {
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(path, before, after, to);
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    for (const name of names) {
      const place = `${path}/${escape(name)}`;
      if (!Object.hasOwn(after, name)) {
        to.push({ op: "test", path: place, value: before[name]! }, { op: "remove", path: place });
      } else if (!Object.hasOwn(before, name)) {
        to.push({ op: "add", path: place, value: after[name]! });
      } else compare(place, before[name]!, after[name]!, to);
    }
    return;
  }
  if (before === after) return;
  to.push({ op: "test", path, value: before }, { op: "replace", path, value: after });
}

function compareLists(
  path: string,
  before: readonly Json[],
  after: readonly Json[],
  to: ChangeOperation[],
): void {
  const common = Math.min(before.length, after.length);
  for (let at = 0; at < common; at++) compare(`${path}/${at}`, before[at]!, after[at]!, to);
  for (let at = common; at < after.length; at++) {
    to.push({ op: "add", path: `${path}/${at}`, value: after[at]! });
  }
  // From the end, so that no removal moves what a later one names.
  for (let at = before.length - 1; at >= common; at--) {
    const place = `${path}/${at}`;
    to.push({ op: "test", path: place, value: before[at]! }, { op: "remove", path: place });
  }
}

/** RFC 6901. */
function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

export interface ObservedChange {
  readonly before: Json;
  readonly after: Json;
  readonly change: Change;
}

/**
 * What an `observe` query told apart, without the columns that differ on every run. Gateway (for what
 * is approved) and connector (for what it is about to commit) both compute it here: of two that
 * differ in one byte, no approval would ever be executed.
 */
export function observedChange(
  before: Json,
  after: Json,
  ignore: readonly string[],
): ObservedChange {
  const ignored = new Set(ignore);
  const from = withoutColumns(before, ignored);
  const to = withoutColumns(after, ignored);
  return { before: from, after: to, change: changeOf(from, to) };
}

/** Of `{"rows": [{column: value}]}`; whatever has another form stays as it is, and shows. */
function withoutColumns(value: Json, ignored: ReadonlySet<string>): Json {
  if (!isObject(value) || !Array.isArray(value["rows"])) return value;
  const rows = (value["rows"] as readonly Json[]).map((row) =>
    isObject(row)
      ? Object.fromEntries(Object.entries(row).filter(([column]) => !ignored.has(column)))
      : row,
  );
  return { ...value, rows };
}
