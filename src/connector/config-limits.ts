import type { Limits } from "./limits.ts";
import type { Reader } from "./reader.ts";

/** Below the requests of a session: one service that hangs leaves the others room. */
const MAX_QUEUE = 448;
const DEFAULT_QUEUE = 256;

export function readLimits(queue: Reader | undefined, concurrency: number): Limits {
  return { concurrency, queue: queue?.integer(0, MAX_QUEUE) ?? DEFAULT_QUEUE };
}
