/** Requests that may wait on one workflow; each holds a connection of somebody. */
const MAX_WAITING = 256;

/** Who waits for the next durable event of a workflow. */
export class Movement {
  readonly #waiting = new Map<string, Set<(moved: boolean) => void>>();
  #stopped = false;

  /** True on the next `wake` of this place; false after `ms`, over the cap, and once stopped. */
  next(place: string, ms: number): Promise<boolean> {
    const waiting = this.#waiting.get(place) ?? new Set();
    if (this.#stopped || ms <= 0 || waiting.size >= MAX_WAITING) return Promise.resolve(false);
    this.#waiting.set(place, waiting);
    return new Promise((resolve) => {
      const done = (moved: boolean): void => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0 && this.#waiting.get(place) === waiting) this.#waiting.delete(place);
        resolve(moved);
      };
      const timer = setTimeout(done, ms, false);
      waiting.add(done);
    });
  }

  wake(place: string): void {
    this.#end(place, true);
  }

  /** A host that stops answers everybody first. */
  stop(): void {
    this.#stopped = true;
    for (const place of [...this.#waiting.keys()]) this.#end(place, false);
  }

  #end(place: string, moved: boolean): void {
    for (const done of [...(this.#waiting.get(place) ?? [])]) done(moved);
  }
}
