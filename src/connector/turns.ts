import type { Limits } from "./limits.ts";

export type Turn =
  | { readonly granted: true; readonly give: () => void }
  | { readonly granted: false };

/** Below this a part kept free would be a slot or two that most of the time nobody uses. */
const SMALLEST_SHARED = 4;

interface Waiting {
  readonly who: readonly string[];
  readonly grant: () => void;
}

/**
 * Who may ask one service, and who waits. No single workflow, and no single tool, takes the last
 * quarter of the places or of the queue: what is slow or hostile leaves room for somebody else.
 */
export class Turns {
  readonly #running: Seats;
  readonly #queued: Seats;
  readonly #waiting: Waiting[] = [];

  constructor({ concurrency, queue }: Limits) {
    this.#running = new Seats(concurrency);
    this.#queued = new Seats(queue);
  }

  /** `full`: not even a place to wait. Not granted: given up before it was its turn. */
  take(who: readonly string[], signal: AbortSignal): Promise<Turn> | Turn | "full" {
    if (this.#running.take(who)) return this.#turn(who);
    if (!this.#queued.take(who)) return "full";
    return new Promise((resolve) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.#queued.give(who);
        signal.removeEventListener("abort", giveUp);
      };
      const giveUp = (): void => {
        leave();
        resolve({ granted: false });
      };
      const waiting: Waiting = {
        who,
        grant: () => {
          leave();
          resolve(this.#turn(who));
        },
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  #turn(who: readonly string[]): Turn {
    return {
      granted: true,
      give: () => {
        this.#running.give(who);
        this.#next();
      },
    };
  }

  /** Who has least under way comes first; among equals, who came first. */
  #next(): void {
    let best: Waiting | null = null;
    for (const one of this.#waiting) {
      if (!this.#running.has(one.who)) continue;
      if (best === null || this.#running.most(one.who) < this.#running.most(best.who)) best = one;
    }
    if (best === null || !this.#running.take(best.who)) return;
    best.grant();
  }
}

/** Places, all in all and for each. */
class Seats {
  readonly #all: number;
  readonly #each: number;
  readonly #of = new Map<string, number>();
  #taken = 0;

  constructor(all: number) {
    this.#all = all;
    this.#each = all < SMALLEST_SHARED ? all : all - Math.ceil(all / 4);
  }

  /** The larger of what these have. */
  most(who: readonly string[]): number {
    return Math.max(0, ...who.map((one) => this.#of.get(one) ?? 0));
  }

  has(who: readonly string[]): boolean {
    return this.#taken < this.#all && this.most(who) < this.#each;
  }

  take(who: readonly string[]): boolean {
    if (!this.has(who)) return false;
    this.#taken++;
    for (const one of who) this.#of.set(one, (this.#of.get(one) ?? 0) + 1);
    return true;
  }

  give(who: readonly string[]): void {
    this.#taken--;
    for (const one of who) {
      const left = (this.#of.get(one) ?? 0) - 1;
      if (left > 0) this.#of.set(one, left);
      else this.#of.delete(one);
    }
  }
}
