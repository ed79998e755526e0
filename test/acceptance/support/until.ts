import { setTimeout as sleep } from "node:timers/promises";

/**
 * For what never happens. The longest pause before anything is tried again is ten seconds; a busy
 * machine makes a multiple of that.
 */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** Until it holds; what never does fails under this name. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
