import type { ContainmentRule } from "../model/bundle.ts";
import type { SignalCode } from "../model/signal.ts";
import { REFUSAL_WINDOW_MS } from "./limits.ts";

/** When earlier signals of the same kind about the same thing came, in any order. */
export type Times = readonly number[];

/** The first rule of the bundle whose measure is full with this signal, and that adds something. */
export function fullRule(
  rules: readonly ContainmentRule[],
  signal: SignalCode,
  before: Times,
  now: number,
  adds: (rule: ContainmentRule) => boolean,
): ContainmentRule | undefined {
  return rules.find(
    (rule) =>
      rule.signal === signal &&
      before.filter((at) => now - at <= rule.withinMs).length + 1 >= rule.count &&
      adds(rule),
  );
}

/** Every rule is full by then: more of the same would fill the disk and contain nothing. */
export function isFlood(before: Times, now: number, most: number): boolean {
  return before.filter((at) => now - at < REFUSAL_WINDOW_MS).length >= most;
}
