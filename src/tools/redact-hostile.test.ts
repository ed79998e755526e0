import { describe, expect, it } from "vitest";
import { type Json, parseStrict } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { MAX_REDACTIONS } from "./limits.ts";
import { compileRedactor } from "./redact.ts";
import { compileStandings } from "./standing.ts";

const ALLOW = { allow: true, ruleIds: ["permit"] };
const DENY = { allow: false, ruleIds: ["no-contact"] };

function redact(schema: AnnotatedSchema, value: Json, plan: RedactionPlan) {
  const tree = classify(schema);
  return compileRedactor(tree, compileStandings(tree))(value, plan);
}

function rowsOf(item: Partial<AnnotatedSchema>): AnnotatedSchema {
  return {
    type: "object",
    required: ["rows"],
    properties: { rows: { type: "array", items: { type: "object", ...item } } },
  };
}

const CUSTOMERS = rowsOf({
  dataClass: "customer",
  required: ["id", "email"],
  properties: {
    id: { type: "integer" },
    email: { type: "string", dataClass: "contact" },
    address: {
      type: "object",
      properties: {
        city: { type: "string" },
        lines: { type: "array", dataClass: "contact", items: { type: "string" } },
      },
    },
  },
});

describe("a result that does not conform", () => {
  const plan = { customer: ALLOW, contact: DENY };
  it.each<[string, Json]>([
    ["null", null],
    ["a list", []],
    ["no rows", {}],
    ["rows of another type", { rows: {} }],
    ["a row of another type", { rows: [1] }],
    ["a missing field", { rows: [{ email: "a" }] }],
    ["a field of another type", { rows: [{ id: "1", email: "a" }] }],
    ["null where nobody allowed it", { rows: [{ id: null, email: "a" }] }],
    ["a number the parser may have rounded", { rows: [{ id: 2 ** 53, email: "a" }] }],
    ["a withheld field of another type", { rows: [{ id: 1, email: { a: 1 } }] }],
    [
      "a wrong item inside a withheld list",
      { rows: [{ id: 1, email: "a", address: { city: "x", lines: [1] } }] },
    ],
  ])("is refused: %s", (_, value) => {
    expect(redact(CUSTOMERS, value, plan)).toEqual({ ok: false, fault: "not_conforming" });
  });

  it("is refused for a missing member inside something withheld", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: {
        id: { type: "integer", dataClass: "customer" },
        card: {
          type: "object",
          dataClass: "contact",
          required: ["number"],
          properties: { number: { type: "string" } },
          additionalProperties: { type: "integer" },
        },
      },
    };
    expect(redact(schema, { id: 1, card: {} }, plan)).toMatchObject({ ok: false });
    expect(redact(schema, { id: 1, card: { number: "1", x: "y" } }, plan)).toMatchObject({
      ok: false,
    });
    expect(redact(schema, { id: 1, card: { number: "1", x: 1 } }, plan)).toMatchObject({
      ok: true,
    });
  });

  it("is refused for a map key that has no canonical form", () => {
    const map: AnnotatedSchema = {
      type: "object",
      additionalProperties: { type: "string", dataClass: "customer" },
    };
    expect(redact(map, { "\ud800": "a" }, plan)).toMatchObject({ ok: false });
  });
});

describe("hostile results", () => {
  const plan = { customer: ALLOW, contact: DENY };
  it("cannot reach a prototype", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: JSON.parse('{"__proto__":{"type":"string","dataClass":"customer"}}') as {
        [name: string]: AnnotatedSchema;
      },
      additionalProperties: {
        type: "object",
        additionalProperties: { type: "string", dataClass: "customer" },
      },
    };
    const value = JSON.parse('{"__proto__":"own","constructor":{"__proto__":"own"}}') as Json;
    const redacted = redact(schema, value, plan);
    expect(JSON.stringify(redacted.ok && redacted.value)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(redacted.ok && redacted.value)).toBe(Object.prototype);
    expect(redact(CUSTOMERS, JSON.parse('{"__proto__":{"rows":[]}}') as Json, plan)).toMatchObject({
      ok: false,
    });
  });

  it("do not pass inherited names off as fields", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: { ["toString" as string]: { type: "string", dataClass: "customer" } },
    };
    expect(redact(schema, {}, plan)).toMatchObject({ ok: true, value: {}, undeclared: 0 });
  });

  it("get a bounded list of redactions with complete counts", () => {
    const rows = Array.from({ length: MAX_REDACTIONS + 5 }, (_, id) => ({ id, email: "a" }));
    const redacted = redact(CUSTOMERS, { rows }, plan);
    expect(redacted).toMatchObject({ counts: [{ count: MAX_REDACTIONS + 5 }] });
    expect(redacted.ok && redacted.redactions).toHaveLength(MAX_REDACTIONS);
  });

  it("cannot make a small answer grow without bound", () => {
    const wide = rowsOf({
      properties: {
        id: { type: "integer", dataClass: "customer" },
        ...Object.fromEntries(
          Array.from({ length: 500 }, (_, index) => [
            `f${index}`,
            { type: "string", dataClass: "contact" } as const,
          ]),
        ),
      },
    });
    const rows = Array.from({ length: 10_000 }, () => ({}));
    expect(redact(wide, { rows }, plan)).toEqual({ ok: false, fault: "too_many_places" });
  });

  it("cannot make the gateway look for very many fields that are not there", () => {
    const wide = rowsOf({
      dataClass: "customer",
      properties: Object.fromEntries(
        Array.from({ length: 500 }, (_, index) => [`f${index}`, { type: "string" } as const]),
      ),
    });
    const rows = Array.from({ length: 10_000 }, () => ({}));
    expect(redact(wide, { rows }, plan)).toEqual({ ok: false, fault: "too_many_places" });
  });

  it("may nest as deep as JSON is read at all", () => {
    let schema: AnnotatedSchema = { type: "string", dataClass: "customer" };
    let text = '"x"';
    for (let depth = 0; depth < 63; depth++) {
      schema = { type: "object", properties: { a: schema } };
      text = `{"a":${text}}`;
    }
    const parsed = parseStrict(text);
    expect(parsed.ok && redact(schema, parsed.value, plan)).toMatchObject({ ok: true });
  });
});
