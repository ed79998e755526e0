import { describe, expect, it } from "vitest";
import { findKey, KeyCache, type KeyRing } from "./key-cache.ts";

function ring(...kids: string[]): KeyRing<string> {
  return { byKid: new Map(kids.map((kid) => [kid, kid])), only: null };
}

/** A publisher whose answer can be changed, and that counts how often it was asked. */
function publisher(first: KeyRing<string> | null) {
  const state = { answer: first, asked: 0 };
  const cache = new KeyCache(async () => {
    state.asked++;
    return state.answer;
  });
  return { state, cache };
}

describe("the key cache", () => {
  it("asks once for many tokens, also when they come at the same time", async () => {
    const { state, cache } = publisher(ring("a"));
    await Promise.all([cache.ringFor("a", 0), cache.ringFor("a", 0), cache.ringFor("a", 1)]);
    expect(await cache.ringFor("a", 500_000)).not.toBeNull();
    expect(state.asked).toBe(1);
  });

  it("asks again for an unknown kid, but not more often than every 30 s", async () => {
    const { state, cache } = publisher(ring("a"));
    await cache.ringFor("a", 0);
    state.answer = ring("a", "b");
    for (let now = 1; now < 30_000; now += 1_000) await cache.ringFor("b", now);
    expect(state.asked).toBe(1);
    const found = await cache.ringFor("b", 30_000);
    expect(found && findKey(found, "b")).toBe("b");
    expect(state.asked).toBe(2);
  });

  it("drops a withdrawn key within ten minutes", async () => {
    const { state, cache } = publisher(ring("a", "b"));
    await cache.ringFor("a", 0);
    state.answer = ring("b");
    const later = await cache.ringFor("a", 600_000);
    expect(later && findKey(later, "a")).toBeUndefined();
  });

  it("gives nothing when the publisher fails and what it has is stale", async () => {
    const { state, cache } = publisher(ring("a"));
    await cache.ringFor("a", 0);
    state.answer = null;
    expect(await cache.ringFor("a", 599_999)).not.toBeNull();
    expect(await cache.ringFor("a", 600_000)).toBeNull();
  });

  it("does not hammer a publisher that fails", async () => {
    const { state, cache } = publisher(null);
    for (let now = 0; now < 30_000; now += 1_000) expect(await cache.ringFor("a", now)).toBeNull();
    expect(state.asked).toBe(1);
  });

  it("asks again when the clock steps back instead of trusting an age below zero", async () => {
    const { state, cache } = publisher(ring("a"));
    await cache.ringFor("a", 1_000_000);
    await cache.ringFor("a", 10);
    expect(state.asked).toBe(2);
  });

  it("finds a key without kid only in a set of exactly one", () => {
    expect(findKey({ byKid: new Map([["a", "a"]]), only: "a" }, null)).toBe("a");
    expect(findKey(ring("a", "b"), null)).toBeUndefined();
    expect(findKey({ byKid: new Map(), only: "nameless" }, "a")).toBeUndefined();
  });
});
