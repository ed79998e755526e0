import { type Schema, Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { compileCheck } from "./check-value.ts";
import { MAX_PATTERN_CHARS } from "./limits.ts";

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -0,
  1,
  1.5,
  7,
  1e300,
  -12,
  "",
  "a",
  "abc",
  "😀😀",
  "2026-11-22",
  "dana@example.com",
  "9c5b94b1-35ad-49bb-b118-8e8fc24abf80",
  [],
  [1],
  [1, 2, 3],
  {},
  { a: 1 },
  { a: 1, b: [null] },
];

describe("the check of one value", () => {
  it("judges as the general JSON Schema checker does", () => {
    const schema = fc
      .record(
        {
          type: fc.constantFrom<AnnotatedSchema["type"]>(
            "object",
            "array",
            "string",
            "number",
            "integer",
            "boolean",
            "null",
            ["string", "null"],
            ["integer", "boolean"],
          ),
          enum: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 4 }),
          const: fc.constantFrom(...VALUES),
          format: fc.constantFrom("date", "email", "uuid", "made-up", "constructor"),
          pattern: fc.constantFrom("^a", "^.{2}$", "\\d"),
          minimum: fc.constantFrom(0, 1.5),
          maximum: fc.constantFrom(1, 7),
          minLength: fc.constantFrom(0, 2),
          maxLength: fc.constantFrom(1, 2),
          minItems: fc.constantFrom(0, 1),
          maxItems: fc.constantFrom(1, 2),
        },
        { requiredKeys: ["type"] },
      )
      .map((keywords) => keywords as AnnotatedSchema);
    fc.assert(
      fc.property(schema, fc.constantFrom(...VALUES), (one, value) => {
        const { type, format, ...rest } = one;
        // The library looks a format up along the prototype chain; ours asks for its own.
        const plain = format === "constructor" ? { type, ...rest } : one;
        const validator = new Validator(structuredClone(plain) as Schema, "2020-12");
        // Integers past 2^53 are the one deliberate difference; 1e300 is one.
        const rounded = value === 1e300 && !([type].flat() as string[]).includes("number");
        expect(compileCheck(one)(value)).toBe(!rounded && validator.validate(value).valid);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each<[string, AnnotatedSchema, Json]>([
    ["an integer the parser may have rounded", { type: "integer" }, 2 ** 53],
    ["a number beyond what a double holds", { type: "number" }, Number.POSITIVE_INFINITY],
    ["half a surrogate pair", { type: "string" }, "\ud800"],
    [
      "text too long to try a pattern on",
      { type: "string", pattern: "\\s+$" },
      " ".repeat(MAX_PATTERN_CHARS + 1),
    ],
  ])("refuses %s", (_, schema, value) => {
    expect(compileCheck(schema)(value)).toBe(false);
  });

  it.each<[string, AnnotatedSchema, Json]>([
    ["the largest exact integer", { type: "integer" }, Number.MAX_SAFE_INTEGER],
    ["a large number that is no id", { type: "number" }, 2 ** 53],
    [
      "text of the length patterns are tried on",
      { type: "string", pattern: "^a+$" },
      "a".repeat(MAX_PATTERN_CHARS),
    ],
  ])("accepts %s", (_, schema, value) => {
    expect(compileCheck(schema)(value)).toBe(true);
  });
});
