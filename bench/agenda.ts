import type { Clock } from "../src/tunnel/socket.ts";

interface Entry {
  readonly at: number;
  /** Of two at one time the one that was made first. */
  readonly order: number;
  readonly run: () => void;
}

/** Time that jumps from one thing to the next: a heap, because a hundred thousand sessions have as many timers. */
export class Agenda implements Clock {
  #elapsed = 0;
  #made = 0;
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    let live = true;
    this.#push({
      at: this.#elapsed + ms,
      order: this.#made++,
      run: () => {
        if (live) run();
      },
    });
    return () => {
      live = false;
    };
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Until it is done; throws where nothing is left that could do it. */
  async run(until: Promise<void>): Promise<void> {
    let done = false;
    void until.then(() => (done = true));
    for (;;) {
      await settled();
      if (done) return;
      const next = this.#pop();
      if (next === undefined) throw new Error("nothing is left to wait for");
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.run();
      // Whatever is due at the same time belongs to the same step.
      while (this.#heap[0]?.at === this.#elapsed) this.#pop()?.run();
    }
  }

  #push(entry: Entry): void {
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(entry, this.#heap[above]!)) break;
      this.#heap[at] = this.#heap[above]!;
      at = above;
    }
    this.#heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#heap.length) break;
      if (below + 1 < this.#heap.length && before(this.#heap[below + 1]!, this.#heap[below]!))
        below++;
      if (!before(this.#heap[below]!, last)) break;
      this.#heap[at] = this.#heap[below]!;
      at = below;
    }
    this.#heap[at] = last;
    return first;
  }
}

function before(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** All that follows from promises which are settled has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
