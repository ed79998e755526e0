import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { MAX_SPENT, MemorySpentStore } from "./spent.ts";

describe("the in-memory store of what was used once", () => {
  it("gives fresh once and replayed ever after, until the end of the life", () => {
    const store = new MemorySpentStore();
    expect(store.spend("a", 60_000, 1_000)).toBe("fresh");
    expect(store.spend("a", 60_000, 1_000)).toBe("replayed");
    expect(store.spend("a", 60_000, 59_999)).toBe("replayed");
    expect(store.spend("b", 70_000, 59_999)).toBe("fresh");
  });

  it("refuses what has already ended, so that nothing it forgot comes back", () => {
    const store = new MemorySpentStore();
    expect(store.spend("a", 60_000, 1_000)).toBe("fresh");
    expect(store.spend("b", 200_000, 120_000)).toBe("fresh");
    expect(store.size).toBe(1);
    expect(store.spend("a", 60_000, 120_000)).toBe("replayed");
    expect(store.spend("a", 60_000, 1_000)).toBe("replayed");
  });

  it("refuses when it is full, and takes again when lives end", () => {
    const store = new MemorySpentStore(2);
    expect(store.spend("a", 10_000, 0)).toBe("fresh");
    expect(store.spend("b", 10_000, 0)).toBe("fresh");
    expect(store.spend("c", 10_000, 0)).toBe("full");
    expect(store.spend("a", 10_000, 0)).toBe("replayed");
    expect(store.spend("c", 20_000, 10_001)).toBe("fresh");
    expect(store.size).toBe(1);
  });

  it("is bounded by default", () => {
    expect(MAX_SPENT).toBe(262_144);
  });

  it("never gives fresh twice for one id and end, whatever the clock does", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 200_000 }))),
        (steps) => {
          const store = new MemorySpentStore(4);
          const seen = new Set<number>();
          for (const [id, now] of steps) {
            if (store.spend(`${id}`, 1 + id * 30_000, now) !== "fresh") continue;
            expect(seen.has(id)).toBe(false);
            seen.add(id);
          }
        },
      ),
    );
  });
});
