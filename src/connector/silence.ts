import { SILENT_MS } from "../tunnel/protocol.ts";
import type { Clock } from "../tunnel/socket.ts";

/** Notices when two beats do not come: long before the lease ends, another socket is to be had. */
export class Silence {
  readonly #clock: Clock;
  readonly #began: (heard: AbortSignal) => void;
  #heardAt = 0;
  #now: AbortController | null = null;
  #cancel: () => void = () => undefined;

  /** `began` hears of each silence, and, by the signal, of its end. */
  constructor(clock: Clock, began: (heard: AbortSignal) => void) {
    this.#clock = clock;
    this.#began = began;
  }

  watch(): void {
    this.#heardAt = this.#clock.elapsed();
    this.#after(SILENT_MS);
  }

  /** Something has come. */
  broken(): void {
    this.#heardAt = this.#clock.elapsed();
    if (this.#now === null) return;
    this.#now.abort();
    this.#now = null;
    this.#after(SILENT_MS);
  }

  /** There is nobody left to be silent. */
  end(): void {
    this.#cancel();
    this.#now?.abort();
  }

  #after(ms: number): void {
    this.#cancel = this.#clock.after(ms, () => {
      // One timer, and not another one for each frame.
      const left = this.#heardAt + SILENT_MS - this.#clock.elapsed();
      if (left > 0) return this.#after(left);
      this.#now = new AbortController();
      this.#began(this.#now.signal);
    });
  }
}
