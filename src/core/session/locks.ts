import type { LockTable, LockTarget, RevokingTarget } from "../model/lock.ts";
import { findSeat, type Given, lineOf, type Seat, type WorkflowState } from "./state.ts";

export type LockSubject = { readonly [target in LockTarget]?: string };

/**
 * The locks that hold any of these, as rule ids `lock:<id>`, sorted. `since`: the epoch under which
 * the subject was let in; what was locked after it is revoked for good, whether or not it still is.
 */
export function lockRules(
  table: LockTable,
  subject: LockSubject,
  since: number = table.epoch,
): readonly string[] {
  if (table.locks.length === 0 && table.revocations.length === 0) return [];
  const holds = (lock: { readonly target: LockTarget; readonly value: string }): boolean =>
    subject[lock.target] === lock.value;
  const ids = [
    ...table.locks.filter(holds),
    ...table.revocations.filter((one) => since < one.epoch && holds(one)),
  ].map((lock) => `lock:${lock.id}`);
  return [...new Set(ids)].sort();
}

/** Those that hold a call, or anybody who stands behind its seat: a lock cuts the whole branch. */
export function lineLocks(
  table: LockTable,
  state: WorkflowState,
  line: readonly Seat[],
  more: LockSubject = {},
): readonly string[] {
  if (table.locks.length === 0 && table.revocations.length === 0) return [];
  const { tenant, human, workflow } = state;
  const ids = line.flatMap((seat) =>
    lockRules(
      table,
      { ...more, tenant, human, workflow, agent: seat.agent, key: seat.jkt },
      seat.lockEpoch,
    ),
  );
  return [...new Set(ids)].sort();
}

/** What the locks of one kind hold, for many at a time. None of these is revoked: when its lock goes, it is free. */
export function lockedValues(
  table: LockTable,
  target: Exclude<LockTarget, RevokingTarget>,
): ReadonlySet<string> {
  return new Set(table.locks.flatMap((one) => (one.target === target ? one.value : [])));
}

/**
 * Those that hold a call which was let in before: whatever it gave is withheld. Where nobody can say
 * what is locked, it stays here, too.
 */
export function callLocks(
  table: LockTable | null,
  state: WorkflowState,
  seat: string,
  about: LockSubject,
): readonly string[] {
  if (table === null) return ["core:locks"];
  const from = findSeat(state, seat);
  return from === undefined ? ["core:seat"] : lineLocks(table, state, lineOf(state, from), about);
}

/**
 * Those on a human who gave one of these kinds, since it was given. Whoever is locked may have been
 * somebody else when they said yes; removing the lock brings no approval back either.
 */
export function approverLocks(table: LockTable | null, given: readonly Given[]): readonly string[] {
  if (table === null) return ["core:locks"];
  const ids = given.flatMap(({ human, lockEpoch }) => lockRules(table, { human }, lockEpoch));
  return [...new Set(ids)].sort();
}
