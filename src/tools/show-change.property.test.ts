import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeOf } from "../core/model/change.ts";
import { canonical, type Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { Observation } from "../gateway/ports.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { changedClasses } from "./change-classes.ts";
import { compileRecordTest } from "./change-place.ts";
import { classify } from "./classify.ts";
import { CLASSES, declaredPair, pair, plan, rootSchema } from "./outputs.test-support.ts";
import { resolvePointer } from "./pointer.ts";
import { compileShow } from "./show-change.ts";
import { disclosed } from "./standing.ts";
import { planOf } from "./tools.test-support.ts";

const RUNS = { numRuns: 1_500 };
const isOf = compileRecordTest(new Set());

function observationOf(before: Json, after: Json): Observation {
  return { before, after, change: changeOf(before, after), classes: [], etag: null };
}

function shown(schema: AnnotatedSchema, before: Json, after: Json, under: RedactionPlan) {
  return compileShow(classify(schema), isOf)(observationOf(before, after), under);
}

function classesOf(schema: AnnotatedSchema, before: Json, after: Json): readonly string[] | null {
  return changedClasses(classify(schema), changeOf(before, after), before, after, isOf);
}

describe("a change as somebody sees it, for any schema, values and plan", () => {
  it("holds no value of a denied class or record, and none that nobody declared", () => {
    fc.assert(
      fc.property(pair, plan, ({ schema, before, after, leaves }, under) => {
        const text = canonical(shown(schema, before, after, under));
        for (const { canary, dataClass, records } of leaves) {
          const visible =
            dataClass !== null &&
            disclosed(under, dataClass) &&
            records.every((record) => disclosed(under, record));
          if (!visible) expect([canary, text.includes(String(canary))]).toEqual([canary, false]);
        }
      }),
      RUNS,
    );
  });

  it("points only at nulls of its own, under rules of the plan, never at what may be seen", () => {
    fc.assert(
      fc.property(pair, plan, ({ schema, before, after }, under) => {
        const { change, hidden } = shown(schema, before, after, under);
        for (const { path, dataClass, ruleIds } of hidden) {
          expect(resolvePointer(change as unknown as Json, path)).toBe(null);
          expect(disclosed(under, dataClass)).toBe(false);
          expect(ruleIds).toEqual(under[dataClass]?.ruleIds ?? ["default:data"]);
        }
      }),
      RUNS,
    );
  });

  it("tells of every changed place, itself or by what hides it", () => {
    fc.assert(
      fc.property(pair, plan, ({ schema, before, after }, under) => {
        const { change } = shown(schema, before, after, under);
        const places = change.map(({ path }) => path);
        for (const { path } of changeOf(before, after)) {
          const around = (place: string): boolean => path === place || path.startsWith(`${place}/`);
          expect([path, places.some(around)]).toEqual([path, true]);
        }
      }),
      RUNS,
    );
  });

  it("is whole for whoever may see its classes, and hides something from whoever sees none", () => {
    let judged = 0;
    fc.assert(
      fc.property(declaredPair, ({ schema, before, after }) => {
        const classes = classesOf(schema, before, after);
        if (classes === null) return;
        judged++;
        const change = changeOf(before, after);
        expect(shown(schema, before, after, planOf(classes))).toEqual({ change, hidden: [] });
        expect(classes.length === 0).toBe(change.length === 0);
        const none = shown(schema, before, after, planOf([], classes));
        expect(none.hidden.length === 0).toBe(change.length === 0);
      }),
      RUNS,
    );
    expect(judged).toBeGreaterThan(RUNS.numRuns / 2);
  });

  it("has no classes when anything in it is undeclared or unclassified", () => {
    fc.assert(
      fc.property(pair, ({ schema, before, after, leaves }) => {
        const text = canonical(changeOf(before, after));
        const unknown = leaves.some(
          ({ canary, dataClass }) => dataClass === null && text.includes(String(canary)),
        );
        if (unknown) expect(classesOf(schema, before, after)).toBe(null);
      }),
      RUNS,
    );
  });

  it("never throws on values of another shape, and shows none of what it cannot classify", () => {
    const secret = fc.constant("planted-secret");
    const value = fc.letrec<{ any: Json }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        secret,
        fc.constant(null),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("id", "name", "rows", "x", "0", "a/b"), tie("any"), {
          maxKeys: 3,
        }),
      ),
    })).any;
    fc.assert(
      fc.property(rootSchema, value, value, (schema, before, after) => {
        const none = shown(schema, before, after, {});
        expect(canonical(none)).not.toContain("planted-secret");
        const classes = classesOf(schema, before, after);
        if (classes !== null) {
          const all = shown(schema, before, after, planOf(CLASSES));
          expect(all).toEqual({ change: changeOf(before, after), hidden: [] });
        }
      }),
      RUNS,
    );
  });
});
