import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { cutText, cutToFit, isKept, sizeOfJson } from "./cut-short.ts";
import { CompiledSchema } from "./json-schema.ts";
import { publish } from "./published.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  dataClass: "ticket",
  properties: {
    total: { type: "integer" },
    rows: {
      type: "array",
      items: {
        type: "object",
        properties: { n: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
        required: ["n"],
      },
    },
    inside: {
      type: "object",
      properties: { pair: { type: "array", items: { type: "string" }, minItems: 2 } },
    },
    fixed: { type: "array", items: { type: "string" }, const: ["a", "b"] },
  },
};
const TREE = classify(SCHEMA);
const PUBLISHED = new CompiledSchema(publish(TREE));

function cut(value: Json, maxBytes: number): ReturnType<typeof cutToFit> {
  return cutToFit(TREE.root, value, sizeOfJson(value) - maxBytes);
}

const rows = (count: number): Json[] => Array.from({ length: count }, (_, n) => ({ n }));

describe("a result that is larger than it may be", () => {
  it("loses whole records at the end, at the limit and one past it", () => {
    const value = { total: 3, rows: rows(3) };
    const size = sizeOfJson(value);
    expect(cut(value, size)).toEqual({ value, places: [] });
    expect(cut(value, size - 1)).toEqual({
      value: { total: 3, rows: rows(2) },
      places: [{ path: "/rows", unit: "items", kept: 2, of: 3 }],
    });
    const two = sizeOfJson({ total: 3, rows: rows(2) });
    expect(cut(value, two)?.value).toEqual({ total: 3, rows: rows(2) });
    expect(cut(value, two - 1)?.value).toEqual({ total: 3, rows: rows(1) });
  });

  it("loses them from the largest list first, and from the next when that is empty", () => {
    const value = { rows: rows(1), inside: { pair: ["1234567890", "b", "c"] } };
    const first = cut(value, sizeOfJson(value) - 1);
    expect(first?.places).toEqual([{ path: "/inside/pair", unit: "items", kept: 2, of: 3 }]);
    expect(cut(value, sizeOfJson({ rows: [], inside: { pair: ["1234567890", "b"] } }))).toEqual({
      value: { rows: [], inside: { pair: ["1234567890", "b"] } },
      places: [
        { path: "/inside/pair", unit: "items", kept: 2, of: 3 },
        { path: "/rows", unit: "items", kept: 0, of: 1 },
      ],
    });
  });

  it("is not cut where that would make it something else", () => {
    for (const value of [
      { total: 1_234_567 },
      { inside: { pair: ["one", "two"] } },
      { fixed: ["a", "b"] },
    ]) {
      expect(cut(value, sizeOfJson(value) - 1)).toBeNull();
    }
  });

  it("fits, keeps to the published schema, and is cut the same each time", () => {
    const text = fc.string({ maxLength: 12, unit: "grapheme" });
    const any = fc.record(
      {
        total: fc.nat(),
        rows: fc.array(fc.record({ n: fc.nat(), tags: fc.array(text) }, { requiredKeys: ["n"] }), {
          maxLength: 12,
        }),
        inside: fc.record({ pair: fc.array(text, { minLength: 2, maxLength: 8 }) }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(any, fc.nat({ max: 400 }), (value, maxBytes) => {
        const done = cut(value as Json, maxBytes);
        if (sizeOfJson(value as Json) <= maxBytes) {
          expect(done?.places).toEqual([]);
          return;
        }
        expect(cut(value as Json, maxBytes)).toEqual(done);
        const { rows: all = [], inside: { pair = [] } = {} } = value;
        const least = { ...value, ...(value.rows && { rows: [] }) };
        if (value.inside) least.inside = { pair: pair.slice(0, 2) };
        // It fails only where even the least that the schema allows is too much.
        if (done === null) {
          expect(sizeOfJson(least as Json)).toBeGreaterThan(maxBytes);
          return;
        }
        expect(sizeOfJson(done.value)).toBeLessThanOrEqual(maxBytes);
        expect(PUBLISHED.matches(done.value)).toBe(true);
        const left = done.value as typeof value;
        expect(all.slice(0, left.rows?.length ?? 0)).toEqual(left.rows ?? []);
        expect(pair.slice(0, left.inside?.pair.length ?? 0)).toEqual(left.inside?.pair ?? []);
      }),
    );
  });
});

describe("a text that is larger than it may be", () => {
  it.each([
    ["id,name\n1,a\n2,b\n", 12, "id,name\n1,a\n"],
    ["id,name\n1,a\n2,b\n", 11, "id,name\n"],
    ["one long line", 7, "one lon"],
    ["ééé", 5, "éé"],
    ["a🙂", 4, "a"],
    ["a🙂b", 5, "a🙂"],
    ["🙂", 3, ""],
  ])("%j within %i bytes is %j", (text, maxBytes, kept) => {
    expect(cutText(text, maxBytes)).toEqual({
      value: kept,
      places: [
        { path: "", unit: "bytes", kept: Buffer.byteLength(kept), of: Buffer.byteLength(text) },
      ],
    });
  });
});

it("knows which places of the whole are still there", () => {
  const places = [{ path: "/rows", unit: "items", kept: 10, of: 20 } as const];
  expect(
    ["/rows/9/email", "/rows/10/email", "/rows/9", "/rows/10", "/rowsx/11", "/a"].map((path) =>
      isKept(places, path),
    ),
  ).toEqual([true, false, true, false, true, true]);
});
