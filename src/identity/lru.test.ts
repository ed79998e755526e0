import { describe, expect, it } from "vitest";
import { Lru } from "./lru.ts";

describe("the bounded map", () => {
  it("forgets what was not used for longest, and never holds more than its capacity", () => {
    const map = new Lru<number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect(map.size).toBe(2);
    expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
  });

  it("replaces a value without forgetting another", () => {
    const map = new Lru<number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.set("b", 3);
    expect([map.get("a"), map.get("b")]).toEqual([1, 3]);
  });
});
