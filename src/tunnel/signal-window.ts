/** Signals of one session and minute; each costs us a look at the record. */
const MAX_SIGNALS = 60;
const SIGNAL_WINDOW_MS = 60_000;

export class SignalWindow {
  #since = -Infinity;
  #count = 0;

  /** False: one too many. `now`: monotonic milliseconds. */
  take(now: number): boolean {
    if (now - this.#since >= SIGNAL_WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count <= MAX_SIGNALS;
  }
}
