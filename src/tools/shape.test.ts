import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import { MAX_ARGUMENT_BYTES, MAX_FAULTS, MAX_PATTERN_CHARS } from "./limits.ts";
import { compileShaper } from "./shape.ts";

const SCHEMA: JsonObject = {
  type: "object",
  required: ["customerId"],
  properties: {
    customerId: { type: "string", maxLength: 64 },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
    status: { type: "string", enum: ["open", "closed"] },
    score: { type: "number" },
    month: { type: "string", pattern: "^20\\d\\d-\\d\\d$" },
    filter: {
      type: "object",
      properties: { from: { type: "string", default: "2026-01-01" }, to: { type: "string" } },
      additionalProperties: false,
    },
    tags: { type: "array", items: { type: "string" } },
    note: {},
  },
};

const shape = compileShaper(SCHEMA, ["customerId", "limit"], () => []);

function at(args: Json): readonly string[] {
  const shaped = shape(args);
  if (shaped.ok) throw new Error("accepted");
  return shaped.at;
}

describe("shaping arguments", () => {
  it("applies defaults, also inside objects that are given, and projects what policy sees", () => {
    expect(shape({ customerId: "c-1", filter: {} })).toEqual({
      ok: true,
      args: { customerId: "c-1", limit: 20, filter: { from: "2026-01-01" } },
      policyArguments: { customerId: "c-1", limit: 20 },
    });
  });

  it("leaves the given arguments as they are", () => {
    const args = { customerId: "c-1", filter: {} };
    shape(args);
    expect(args).toEqual({ customerId: "c-1", filter: {} });
  });

  it("takes for a number what can be read in one way only, and nothing else for another type", () => {
    const limit = (given: Json): unknown => {
      const shaped = shape({ customerId: "c-1", limit: given });
      return shaped.ok ? shaped.args["limit"] : "refused";
    };
    expect(["20", "1", "100"].map(limit)).toEqual([20, 1, 100]);
    for (const given of ["05", "+5", "5.0", "5e0", " 5", "5 ", "", "-0", "0x5", "٥", "true"]) {
      expect(limit(given)).toBe("refused");
    }
    expect(limit("101")).toBe("refused");
    expect(limit(["5"])).toBe("refused");
    expect(at({ customerId: 1 })).toEqual(["/customerId"]);
    expect(at({ customerId: "c-1", tags: "a" })).toEqual(["/tags"]);
  });

  it("coerces what comes back as the same text, and leaves texts alone", () => {
    const typed = compileShaper(
      {
        properties: {
          whole: { type: "integer" },
          score: { type: "number" },
          flag: { type: "boolean" },
          either: { type: ["integer", "string"] },
          text: { type: "string" },
        },
      },
      ["whole", "flag"],
      () => [],
    );
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
        fc.boolean(),
        (n, x, flag) => {
          const given = { whole: String(n), score: String(x), flag: String(flag) };
          const shaped = typed({ ...given, either: String(n), text: String(n) });
          if (!shaped.ok) {
            expect(shaped.at).toEqual(["/score"]);
            return;
          }
          const { whole, score, ...others } = shaped.args;
          expect([JSON.stringify(whole), JSON.stringify(score)]).toEqual([
            given.whole,
            given.score,
          ]);
          expect(others).toEqual({ flag, either: String(n), text: String(n) });
          expect(shaped.policyArguments).toEqual({ whole: n, flag });
        },
      ),
    );
    for (const given of [
      "9007199254740993",
      "1.10",
      "1e400",
      "NaN",
      "Infinity",
      "-0",
      "0.1234567890123456789",
    ]) {
      expect(typed({ score: given })).toMatchObject({ ok: false, at: ["/score"] });
    }
    expect(typed({ flag: "TRUE" })).toMatchObject({ ok: false, at: ["/flag"] });
  });

  it("says what belongs in each place, in the words of the schema, and never what was there", () => {
    const wrong = { limit: 1_000, status: "canary", month: "canary", tags: [7], other: "canary" };
    const shaped = shape(wrong);
    expect(shaped).toEqual({
      ok: false,
      at: ["/customerId", "/limit", "/month", "/other", "/status", "/tags/0"],
      expected: {
        "/customerId": "required",
        "/limit": "maximum 100",
        "/month": String.raw`pattern "^20\\d\\d-\\d\\d$"`,
        "/other": "no such argument",
        "/status": 'enum ["open","closed"]',
        "/tags/0": 'type "string"',
      },
    });
    expect(JSON.stringify(shaped)).not.toContain("canary");
  });

  it("normalises nothing", () => {
    const decomposed = { customerId: "e\u0301", limit: 1 };
    expect(shape(decomposed)).toMatchObject({ args: decomposed });
  });

  it("shows policy only arguments that are there", () => {
    const optional = compileShaper(SCHEMA, ["status", "score"], () => []);
    expect(optional({ customerId: "c-1", score: 0 })).toMatchObject({
      policyArguments: { score: 0 },
    });
    const inherited = compileShaper({ type: "object" }, ["constructor"], () => []);
    expect(inherited({})).toEqual({ ok: true, args: {}, policyArguments: {} });
  });

  it("names every place that is wrong, at once, without the objects around it", () => {
    expect(
      at({ limit: 0, status: "lost", filter: { from: 1, extra: true }, tags: ["a", 2], other: 1 }),
    ).toEqual([
      "/customerId",
      "/filter/extra",
      "/filter/from",
      "/limit",
      "/other",
      "/status",
      "/tags/1",
    ]);
  });

  it("names what is missing, and not the object it is missing from", () => {
    expect(at({})).toEqual(["/customerId"]);
  });

  it("refuses undeclared arguments even where the schema forgot to", () => {
    expect(at({ customerId: "c-1", admin: true })).toEqual(["/admin"]);
    const open = compileShaper({ ...SCHEMA, additionalProperties: true }, [], () => []);
    expect(open({ customerId: "c-1", admin: true })).toMatchObject({ ok: false, at: ["/admin"] });
  });

  it.each<[string, Json]>([
    ["nothing", null],
    ["a list", []],
    ["text", "{}"],
    ["a number", 1],
  ])("refuses %s in place of an object", (_, args) => {
    expect(at(args)).toEqual([""]);
  });

  it("escapes pointers", () => {
    expect(at({ customerId: "c-1", "a/b~c": 1 })).toEqual(["/a~1b~0c"]);
    expect(at({ customerId: "c-1", "100% #é": 1 })).toEqual(["/100% #é"]);
  });

  it("refuses what later readers would take for something else", () => {
    expect(at(JSON.parse('{"customerId":"c-1","note":{"__proto__":{"a":1}}}') as Json)).toEqual([
      "/note",
    ]);
    expect(at(JSON.parse('{"__proto__":{"customerId":"c-1"}}') as Json)).toEqual([""]);
    expect(at({ customerId: "\ud800" })).toEqual(["/customerId"]);
    expect(at({ customerId: "c-1", note: { "\udc00": 1 } })).toEqual(["/note"]);
    expect(at({ customerId: "c-1", note: [2 ** 53] })).toEqual(["/note/0"]);
    expect(at(JSON.parse('{"customerId":"c-1","score":1e999}') as Json)).toEqual(["/score"]);
    expect(shape({ customerId: "c-1", note: Number.MAX_SAFE_INTEGER })).toMatchObject({ ok: true });
  });

  it("bounds depth", () => {
    const nest = (depth: number): Json => (depth === 0 ? 1 : [nest(depth - 1)]);
    expect(shape({ customerId: "c-1", note: nest(63) })).toMatchObject({ ok: true });
    expect(at({ customerId: "c-1", note: nest(64) })).toHaveLength(1);
    expect(at({ customerId: "c-1", note: nest(5_000) })).toHaveLength(1);
  });

  it("bounds bytes, not characters, at the limit and one past it", () => {
    const frame = JSON.stringify({ customerId: "c-1", note: "" }).length;
    const fits = "é".repeat((MAX_ARGUMENT_BYTES - frame) / 2);
    expect(shape({ customerId: "c-1", note: fits })).toMatchObject({ ok: true });
    expect(at({ customerId: "c-1", note: `${fits}x` })).toEqual([""]);
  });

  it("bounds the list of places and the length of each", () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`x${index}`, 1]));
    expect(at({ customerId: "c-1", ...many })).toHaveLength(MAX_FAULTS);
    expect(at({ customerId: "c-1", filter: { ["k".repeat(1_000)]: 1 } })).toEqual(["/filter"]);
  });

  it("answers for arguments with very many mistakes", () => {
    expect(at({ customerId: "c-1", tags: Array.from({ length: 300_000 }, () => 1) })).not.toEqual(
      [],
    );
    const wide = Object.fromEntries(Array.from({ length: 80_000 }, (_, index) => [`x${index}`, 1]));
    expect(at({ customerId: "c-1", filter: wide })).not.toEqual([]);
  });

  it("does not try a pattern on text that could hold it for long", () => {
    const slow = compileShaper(
      {
        type: "object",
        properties: { text: { type: "string", pattern: "\\s+$" }, list: { $ref: "#/$defs/list" } },
        $defs: { list: { type: "array", items: { pattern: "\\s+$" } } },
      },
      [],
      () => [],
    );
    const spaces = " ".repeat(MAX_PATTERN_CHARS);
    expect(slow({ text: spaces })).toMatchObject({ ok: true });
    expect(slow({ text: `${spaces}x` })).toEqual({ ok: false, at: ["/text"] });
    expect(slow({ list: [`${spaces} `] })).toEqual({ ok: false, at: ["/list"] });
    const aside = compileShaper(
      { properties: { a: {} }, allOf: [{ properties: { a: { pattern: "\\s+$" } } }] },
      [],
      () => [],
    );
    expect(aside({ a: `${spaces} ` })).toEqual({ ok: false, at: ["/a"] });
  });

  it("refuses when the schema itself cannot be applied", () => {
    const broken = compileShaper({ properties: { a: { $ref: "#/$defs/none" } } }, [], () => []);
    expect(broken({ a: 1 })).toEqual({ ok: false, at: [""] });
  });

  it("refuses what has no form in its place of the request", () => {
    const placed = compileShaper(SCHEMA, [], () => ["/customerId"]);
    expect(placed({ customerId: ".." })).toEqual({ ok: false, at: ["/customerId"] });
  });

  it("never throws, and never puts a value into a place", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (note) => {
        const shaped = shape({ customerId: 7, note: note as Json });
        expect(shaped.ok ? [] : shaped.at).not.toEqual([]);
      }),
    );
    expect(
      JSON.stringify(at({ customerId: 7, status: "canary", tags: [{ a: "canary" }] })),
    ).not.toContain("canary");
  });
});
