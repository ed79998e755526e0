import { TestRunner } from "vitest";

/** What must hold after each fault; README.md says what each of them means. */
export type Invariant = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I7";

/** The same for every file of one run; without one, each run is another. */
export const SEED = Number(process.env["POSTERN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** What a test leaves for the runner, beside having passed. */
export interface TortureMeta {
  invariants?: string[];
  figures?: { [name: string]: string };
}

/**
 * Says that the running test has just held the system against these invariants. Called behind the
 * assertions, so that a run prints what was checked, not what somebody meant to check.
 */
export function checked(...invariants: readonly Invariant[]): void {
  const meta = currentMeta();
  meta.invariants = [...new Set([...(meta.invariants ?? []), ...invariants])].sort();
}

/** Something the run measured or counted, printed by the runner. */
export function figure(name: string, value: string | number): void {
  const meta = currentMeta();
  meta.figures = { ...meta.figures, [name]: String(value) };
}

function currentMeta(): TortureMeta {
  return TestRunner.getCurrentTest()!.meta as TortureMeta;
}
