import { describe, expect, it } from "vitest";
import type { TransactionEnd } from "./executor.ts";
import { known, type Known } from "./journal-segment.ts";
import { seenState } from "./seen.ts";

const written: Known = { state: "started", transaction: { destination: "billing", xid: "731" } };

class World {
  readonly settled: string[] = [];
  readonly asked: string[] = [];
  readonly #entry: Known;

  constructor(entry: Known) {
    this.#entry = entry;
  }

  ask(end: () => Promise<TransactionEnd>, destination = "billing"): Promise<string> {
    const executor = {
      endOf: (xid: string) => {
        this.asked.push(xid);
        return end();
      },
    };
    return seenState(
      {
        seen: () => this.#entry,
        settled: (call, how) => this.settled.push(`${call} ${how}`),
      },
      new Map([[destination, executor]]),
      "call_1",
    );
  }
}

describe("what is known of a call", () => {
  it.each(["never", "started", "committed", "aborted", "done", "unknown"] as const)(
    "is the journal's word where no transaction is open: %s",
    async (state) => {
      const world = new World(known(state));
      expect(await world.ask(() => Promise.resolve("committed"))).toBe(state);
      expect(world.asked).toEqual([]);
    },
  );

  it.each(["committed", "aborted"] as const)("is what the database says: %s", async (end) => {
    const world = new World(written);
    expect(await world.ask(() => Promise.resolve(end))).toBe(end);
    expect(world.asked).toEqual(["731"]);
    expect(world.settled).toEqual([`call_1 ${end}`]);
  });

  it.each(["started", "unknown"] as const)("settles nothing on %s", async (end) => {
    const world = new World(written);
    expect(await world.ask(() => Promise.resolve(end))).toBe(end);
    expect(world.settled).toEqual([]);
  });

  it("claims nothing where the database cannot be asked, or is no longer configured", async () => {
    const world = new World(written);
    expect(await world.ask(() => Promise.reject(new Error("down")))).toBe("started");
    expect(await world.ask(() => Promise.resolve("committed"), "another")).toBe("started");
    expect(await seenState({ seen: () => written, settled: () => undefined }, new Map(), "c")).toBe(
      "started",
    );
    expect(
      await seenState(
        { seen: () => written, settled: () => undefined },
        new Map([["billing", {}]]),
        "c",
      ),
    ).toBe("started");
    expect(world.settled).toEqual([]);
  });
});
