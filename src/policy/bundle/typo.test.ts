import { describe, expect, it } from "vitest";
import { likely } from "./typo.ts";

describe("likely", () => {
  it.each([
    ["teir", ["tier", "title"], "tier"],
    ["dataClases", ["dataClasses", "labels"], "dataClasses"],
    ["Tier", ["tier"], "tier"],
    ["suport-agnt", ["support-agent"], "support-agent"],
    ["a", ["b"], "b"],
  ])("takes %s for one of %j", (word, known, meant) => {
    expect(likely(word, known)).toBe(meant);
  });

  it.each([
    ["owner", ["name", "labels"]],
    ["tier", ["kinds"]],
    ["abcd", ["abxy"]],
    ["x", []],
  ])("leaves %s alone beside %j", (word, known) => {
    expect(likely(word, known)).toBeUndefined();
  });
});
