import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Turns, type Turn } from "./turns.ts";

const never = new AbortController().signal;

/** Takes places as they come, and remembers in which order they were given. */
class Crowd {
  readonly turns: Turns;
  readonly given: string[] = [];
  readonly held = new Map<string, (() => void)[]>();
  full = 0;

  constructor(concurrency: number, queue: number) {
    this.turns = new Turns({ concurrency, queue });
  }

  async come(...who: string[]): Promise<void> {
    const taken = this.turns.take(who, never);
    if (taken === "full") this.full++;
    else if (taken instanceof Promise) void taken.then((turn) => this.#got(who, turn));
    else this.#got(who, taken);
    await Promise.resolve();
  }

  async leave(who: string): Promise<void> {
    this.held.get(who)?.shift()?.();
    await Promise.resolve();
  }

  #got([who = ""]: readonly string[], turn: Turn): void {
    if (!turn.granted) return;
    this.given.push(who);
    this.held.set(who, [...(this.held.get(who) ?? []), turn.give]);
  }
}

describe("turns at one destination", () => {
  it("go to whoever comes, up to the last quarter of the places, which is for somebody else", async () => {
    const crowd = new Crowd(8, 8);
    for (let n = 0; n < 7; n++) await crowd.come("a");
    expect(crowd.given).toEqual(Array(6).fill("a"));
    await crowd.come("b");
    await crowd.come("c");
    expect(crowd.given.slice(6)).toEqual(["b", "c"]);
  });

  it("keep a quarter of the queue free, too, and say when it is full", async () => {
    const crowd = new Crowd(4, 4);
    for (let n = 0; n < 7; n++) await crowd.come("a");
    // Three run, three wait.
    expect(crowd.full).toBe(1);
    await crowd.come("b");
    expect(crowd.given.at(-1)).toBe("b");
    await crowd.come("b");
    expect(crowd.full).toBe(1);
    await crowd.come("c");
    expect(crowd.full).toBe(2);
  });

  it("where there are few places, or none to wait, any may have all of them", async () => {
    const crowd = new Crowd(3, 0);
    for (let n = 0; n < 4; n++) await crowd.come("a");
    expect(crowd.given).toHaveLength(3);
    expect(crowd.full).toBe(1);
  });

  it("count for the workflow and for the tool", async () => {
    const crowd = new Crowd(8, 8);
    for (let n = 0; n < 8; n++) await crowd.come(`workflow ${n}`, "tool slow");
    expect(crowd.given).toHaveLength(6);
    await crowd.come("workflow 0", "tool fast");
    expect(crowd.given).toHaveLength(7);
  });

  it("go next to whoever has least, then to whoever came first", async () => {
    const crowd = new Crowd(4, 16);
    for (let n = 0; n < 3; n++) await crowd.come("a");
    await crowd.come("b");
    for (const who of ["a", "b", "c", "a", "c"]) await crowd.come(who);
    await crowd.leave("a");
    expect(crowd.given.at(-1)).toBe("c");
    await crowd.leave("a");
    expect(crowd.given.at(-1)).toBe("a");
  });

  it("are not kept for who gave up, before or after", async () => {
    const turns = new Turns({ concurrency: 1, queue: 1 });
    const first = await turns.take(["a"], never);
    const abort = new AbortController();
    const second = turns.take(["b"], abort.signal);
    expect(turns.take(["c"], never)).toBe("full");
    abort.abort();
    expect(await second).toEqual({ granted: false });
    const third = turns.take(["c"], never);
    if (first !== "full" && first.granted) first.give();
    expect(await third).toMatchObject({ granted: true });
    expect(turns.take(["d"], never)).toBeInstanceOf(Promise);
  });

  it("are never more than there are, never idle while somebody may have one, and all come back", async () => {
    const step = fc.record({ who: fc.constantFrom("a", "b", "c"), leave: fc.boolean() });
    const limits = fc.record({
      concurrency: fc.integer({ min: 1, max: 9 }),
      queue: fc.integer({ min: 0, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (of, steps) => {
        const crowd = new Crowd(of.concurrency, of.queue);
        let come = 0;
        for (const { who, leave } of steps) {
          if (leave) await crowd.leave(who);
          else if (++come > 0) await crowd.come(who);
          const running = [...crowd.held.values()].flat().length;
          expect(running).toBeLessThanOrEqual(of.concurrency);
        }
        while ([...crowd.held.values()].flat().length > 0) {
          for (const who of crowd.held.keys()) await crowd.leave(who);
        }
        expect(crowd.given.length + crowd.full).toBe(come);
        const again = Array.from({ length: of.concurrency }, (_, n) => crowd.come(`new ${n}`));
        await Promise.all(again);
        expect(crowd.given.length + crowd.full).toBe(come + of.concurrency);
      }),
    );
  });
});
