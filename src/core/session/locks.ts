import type { LockTable, LockTarget } from "../model/lock.ts";

/** The locks that hold any of these, as rule ids `lock:<id>`, sorted. */
export function lockRules(
  table: LockTable,
  subject: { readonly [target in LockTarget]?: string },
): readonly string[] {
  if (table.locks.length === 0) return [];
  return table.locks
    .filter((lock) => subject[lock.target] === lock.value)
    .map((lock) => `lock:${lock.id}`)
    .sort();
}
