import { describe, expect, it } from "vitest";
import { MAX_MEMO_KEY_CHARS, Memo } from "./memo.ts";

describe("Memo", () => {
  it("forgets what was not used for longest", () => {
    const memo = new Memo<number>(2);
    memo.set("a", 1);
    memo.set("b", 2);
    expect(memo.get("a")).toBe(1);
    memo.set("c", 3);
    expect(memo.get("b")).toBeUndefined();
    expect(memo.get("a")).toBe(1);
    expect(memo.get("c")).toBe(3);
    expect(memo.size).toBe(2);
  });

  it("does not keep long keys, which an agent could choose to fill memory", () => {
    const memo = new Memo<number>();
    memo.set("k".repeat(MAX_MEMO_KEY_CHARS), 1);
    memo.set("k".repeat(MAX_MEMO_KEY_CHARS + 1), 2);
    expect(memo.size).toBe(1);
  });

  it("stays bounded", () => {
    const memo = new Memo<number>(100);
    for (let at = 0; at < 10_000; at++) memo.set(String(at), at);
    expect(memo.size).toBe(100);
  });
});
