import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import { mergePatch } from "./merge-patch.ts";

/** RFC 7396, appendix A. */
const CASES: readonly [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe("a merge patch", () => {
  it.each(CASES)("makes of %j with %j: %j", (target, patch, result) => {
    const [before, given] = [structuredClone(target), structuredClone(patch)];
    expect(mergePatch(target, patch)).toEqual(result);
    expect([target, patch]).toEqual([before, given]);
  });

  it("changes no prototype", () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true}}') as Json;
    const merged = mergePatch({}, patch) as object;
    expect(Object.hasOwn(merged, "__proto__")).toBe(true);
    expect((merged as { polluted?: boolean }).polluted).toBe(undefined);
    expect(mergePatch({}, { constructor: { a: 1 } })).toEqual({ constructor: { a: 1 } });
  });
});
