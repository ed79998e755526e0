import { countedIn, waitFor, type Window } from "../core/session/window.ts";
import type { Caller } from "./call.ts";
import type { Gateway } from "./ports.ts";

/**
 * Questions of one seat in one window, as many as its refused calls may be. Free and on no record, they
 * would be the way to try a million values out: an answer says whether a text stands in what the workflow
 * has read, and whether a policy lets an amount pass.
 */
export const MAX_QUESTIONS = 600;
/** Seats that are remembered, those that asked last. */
const MAX_SEATS = 4_096;

const NONE: Window = { since: -Infinity, count: 0 };

/** Of one process. Whoever starts it anew forgets the count, and no agent can do that. */
const asked = new WeakMap<Gateway["sessions"], Map<string, Window>>();

/** Milliseconds until this seat may ask; zero: it may, and has. */
export function askedTooOften({ sessions, system }: Gateway, caller: Caller): number {
  const windows = asked.get(sessions) ?? new Map<string, Window>();
  asked.set(sessions, windows);
  const key = JSON.stringify([caller.tenant, caller.workflow, caller.seat]);
  const now = system.now();
  const window = windows.get(key) ?? NONE;
  const wait = waitFor(window, MAX_QUESTIONS, now);
  if (wait > 0) return wait;
  windows.delete(key);
  windows.set(key, countedIn(window, now));
  const [oldest] = windows.keys();
  if (windows.size > MAX_SEATS && oldest !== undefined) windows.delete(oldest);
  return 0;
}
