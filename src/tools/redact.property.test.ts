import { type Schema, Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { publish } from "./published.ts";
import { compileRedactor, type Redacted } from "./redact.ts";
import { compileStandings, disclosed } from "./standing.ts";
import { CLASSES, plan, rootSchema, sample } from "./outputs.test-support.ts";

const RUNS = { numRuns: 1_500 };
const ALL: RedactionPlan = Object.fromEntries(
  CLASSES.map((dataClass) => [dataClass, { allow: true, ruleIds: ["all"] }]),
);

function redact(schema: AnnotatedSchema, value: Json, under: RedactionPlan): Redacted {
  const tree = classify(schema);
  return compileRedactor(tree, compileStandings(tree))(value, under);
}

function delivered(schema: AnnotatedSchema, value: Json, under: RedactionPlan) {
  const redacted = redact(schema, value, under);
  if (!redacted.ok) throw new Error(redacted.fault);
  return redacted;
}

function validates(schema: object, value: Json): boolean {
  return new Validator(structuredClone(schema) as Schema, "2020-12").validate(value).valid;
}

function leavesOf(value: Json, found: Set<Json> = new Set()): Set<Json> {
  if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) leavesOf(member as Json, found);
  } else found.add(value);
  return found;
}

function resolve(value: Json, pointer: string): Json | undefined {
  let at: Json | undefined = value;
  for (const segment of pointer.split("/").slice(1)) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as { readonly [key: string]: Json })[key];
  }
  return at;
}

describe("redaction, for any schema, value and plan", () => {
  it("delivers what the published schema promised", () => {
    fc.assert(
      fc.property(sample, plan, ({ schema, value }, under) => {
        const { value: result } = delivered(schema, value, under);
        expect(validates(publish(classify(schema)), result)).toBe(true);
      }),
      RUNS,
    );
  });

  it("lets no denied, unclassified or undeclared leaf through, and keeps every other", () => {
    fc.assert(
      fc.property(sample, plan, ({ schema, value, leaves }, under) => {
        const result = leavesOf(delivered(schema, value, under).value);
        for (const { canary, dataClass, records } of leaves) {
          const visible =
            dataClass !== null &&
            disclosed(under, dataClass) &&
            records.every((record) => disclosed(under, record));
          expect([canary, result.has(canary)]).toEqual([canary, visible]);
        }
      }),
      RUNS,
    );
  });

  it("points only at nulls it delivered, under rules of the plan", () => {
    fc.assert(
      fc.property(sample, plan, ({ schema, value }, under) => {
        const { value: result, redactions, counts } = delivered(schema, value, under);
        for (const { path, dataClass, ruleIds } of redactions) {
          expect(resolve(result, path)).toBe(null);
          expect(disclosed(under, dataClass)).toBe(false);
          expect(ruleIds).toEqual(under[dataClass]?.ruleIds ?? ["default:data"]);
        }
        expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(redactions.length);
      }),
      RUNS,
    );
  });

  it("changes nothing but what is undeclared when all is disclosed", () => {
    fc.assert(
      fc.property(sample, ({ schema, value }) => {
        const { redactions, dropped, value: result } = delivered(schema, value, ALL);
        expect([redactions, dropped]).toEqual([[], 0]);
        expect(delivered(schema, result, ALL)).toMatchObject({ value: result, undeclared: 0 });
      }),
      RUNS,
    );
  });

  it("can be applied again without changing anything", () => {
    fc.assert(
      fc.property(sample, plan, ({ schema, value }, under) => {
        const once = delivered(unconditional(schema), value, under).value;
        const again = redact(relaxed(unconditional(schema)), once, under);
        expect(again).toMatchObject({ ok: true, value: once });
      }),
      RUNS,
    );
  });

  it("never throws on a value of another shape, and delivers none of it that does not fit", () => {
    fc.assert(
      fc.property(rootSchema, fc.jsonValue({ maxDepth: 5 }), plan, (schema, value, under) => {
        const redacted = redact(schema, value as Json, under);
        if (redacted.ok) {
          expect(validates(publish(classify(schema)), redacted.value)).toBe(true);
        }
      }),
      RUNS,
    );
  });
});

/** Redacted results hold nulls that only the published schema allows. */
function relaxed(schema: AnnotatedSchema): AnnotatedSchema {
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  const { minItems: _, ...rest } = schema;
  return {
    ...rest,
    type:
      types.length === 1 && types[0] === "object"
        ? schema.type
        : [...new Set([...types, "null" as const])],
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([key, member]) => [key, nullable(member)]),
      ),
    }),
    ...(schema.items && { items: nullable(schema.items) }),
    ...(schema.additionalProperties && {
      additionalProperties: nullable(schema.additionalProperties),
    }),
  };
}

function nullable(schema: AnnotatedSchema): AnnotatedSchema {
  const within = relaxed(schema);
  const types = typeof within.type === "string" ? [within.type] : within.type;
  return { ...within, type: [...new Set([...types, "null" as const])], required: [] };
}

/** A condition on an undeclared marker cannot match a second time: the marker is gone. */
function unconditional(schema: AnnotatedSchema): AnnotatedSchema {
  const { records: _, ...rest } = schema;
  return {
    ...rest,
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([key, member]) => [key, unconditional(member)]),
      ),
    }),
    ...(schema.items && { items: unconditional(schema.items) }),
    ...(schema.additionalProperties && {
      additionalProperties: unconditional(schema.additionalProperties),
    }),
  };
}
