const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/**
 * Doubles up to ten seconds; half of it random, so that a thousand connectors that lost one gateway
 * do not come back in the same moment. `random` in [0, 1).
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 20));
  return full / 2 + (full / 2) * random;
}
