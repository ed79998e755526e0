import type { PolicyCode } from "../model/outcome.ts";
import { MAX_REFUSALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import type { Counted, Refusals, Seat } from "./state.ts";

export interface Window {
  readonly since: number;
  readonly count: number;
}

/** With one more at this time. */
export function countedIn({ since, count }: Window, at: number): Window {
  return at - since >= REFUSAL_WINDOW_MS ? { since: at, count: 1 } : { since, count: count + 1 };
}

/** Milliseconds until there is room for one more; zero: now. */
export function waitFor({ since, count }: Window, most: number, now: number): number {
  return count < most ? 0 : Math.max(0, since + REFUSAL_WINDOW_MS - now);
}

const NONE: Counted = { count: 0, denials: 0, exhausted: 0 };

/** The counters with one more refusal; `denied`: null where no rule said no (a failure). */
export function refusalsAfter(
  before: Refusals,
  at: number,
  seat: string,
  denied: PolicyCode | null,
): Refusals {
  const fresh = at - before.since >= REFUSAL_WINDOW_MS;
  const present: Refusals = fresh ? { ...NONE, since: at, seats: {} } : before;
  const plusOne = ({ count, denials, exhausted }: Counted): Counted => ({
    count: count + 1,
    denials: denials + (denied === null ? 0 : 1),
    exhausted: exhausted + (denied === "budget_exhausted" ? 1 : 0),
  });
  const own = plusOne(refusalsOf(present, seat));
  return { ...present, ...plusOne(present), seats: { ...present.seats, [seat]: own } };
}

export function refusalsOf({ seats }: Refusals, seat: string): Counted {
  return Object.hasOwn(seats, seat) ? seats[seat]! : NONE;
}

/** Of its own: a seat in a loop must not silence the others, least of all those behind it. */
export function refusalsWait(refusals: Refusals, seat: Seat | undefined, now: number): number {
  const { count } = refusalsOf(refusals, seat?.id ?? "");
  return waitFor({ since: refusals.since, count }, MAX_REFUSALS, now);
}
