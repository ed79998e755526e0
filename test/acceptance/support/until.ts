import { setTimeout as sleep } from "node:timers/promises";

/**
 * For what never happens. The longest pause before anything is tried again is ten seconds; a busy
 * machine makes a multiple of that.
 */
const PATIENCE_S = 60;
const LOOK_EVERY_MS = 50;

/** Until it holds; what never does fails under this name, so that a hang says of what. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = PATIENCE_S,
): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
