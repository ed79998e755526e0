/**
 * Bytes of sealed input that the root agent of a workflow, and all its other agents together, may each
 * store in a window without any budget paying for it: refused calls with megabytes of arguments,
 * checkpoints, renewals. An agent in a loop would fill the disk that all tenants share.
 */
export const MAX_UNBUDGETED_BYTES = 16 * 1_024 * 1_024;
export const ALLOWANCE_WINDOW_MS = 60_000;
/** What one event counts at least: a million small ones would make a chain too long to read again. */
const LEAST_BYTES = 16 * 1_024;

/** In memory: who is read again from the disk starts with a whole window. */
export class Allowance {
  #since = 0;
  #bytes = 0;

  /** Zero: granted. Otherwise the milliseconds until it can be asked again. */
  take(bytes: number, now: number): number {
    const age = now - this.#since;
    if (age < 0 || age >= ALLOWANCE_WINDOW_MS) {
      this.#since = now;
      this.#bytes = 0;
    }
    const charge = Math.max(bytes, LEAST_BYTES);
    if (this.#bytes + charge > MAX_UNBUDGETED_BYTES) return this.#since + ALLOWANCE_WINDOW_MS - now;
    this.#bytes += charge;
    return 0;
  }
}
