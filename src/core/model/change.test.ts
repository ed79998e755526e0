import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeOf, observedChange, type Change } from "./change.ts";
import { canonical, isObject, type Json } from "./json.ts";

/** Names that pointers have to escape, that look like places of a list, and that objects inherit. */
const name = fc.constantFrom("a", "b", "", "~", "/", "~1", "a/b", "0", "-", "toString", "é");
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, 1, 1.5, "", "a", "b"),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(name, tie("json"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

describe("a change", () => {
  it("turns the one value into the other", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(canonical(apply(before, changeOf(before, after)))).toBe(canonical(after));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is empty for equal values, whatever the order of their members, and for no others", () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        expect(changeOf(one, reversed(one))).toEqual([]);
        const same = canonical(one) === canonical(other);
        expect(changeOf(one, other).length === 0).toBe(same);
      }),
    );
  });

  it("says the same of the same values, whatever the order of their members", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(canonical(changeOf(reversed(before), reversed(after)))).toBe(
          canonical(changeOf(before, after)),
        );
      }),
    );
  });

  it("applies to nothing where the old value is another one", () => {
    const change = changeOf({ rows: [{ id: 1, amount: 5 }] }, { rows: [{ id: 1, amount: 7 }] });
    expect(() => apply({ rows: [{ id: 1, amount: 6 }] }, change)).toThrow("test failed");
  });

  it("has this form, which approvers see and digests cover", () => {
    const before = { kept: 1, gone: [1], moved: { "a/b~": 1 }, list: [1, 2, 3], other: null };
    const after = { kept: 1, moved: { "a/b~": 2 }, list: [1, 4], other: {}, more: "x" };
    expect(changeOf(before, after)).toEqual([
      { op: "test", path: "/gone", value: [1] },
      { op: "remove", path: "/gone" },
      { op: "test", path: "/list/1", value: 2 },
      { op: "replace", path: "/list/1", value: 4 },
      { op: "test", path: "/list/2", value: 3 },
      { op: "remove", path: "/list/2" },
      { op: "add", path: "/more", value: "x" },
      { op: "test", path: "/moved/a~1b~0", value: 1 },
      { op: "replace", path: "/moved/a~1b~0", value: 2 },
      { op: "test", path: "/other", value: null },
      { op: "replace", path: "/other", value: {} },
    ]);
    expect(changeOf([], { a: 1 })).toEqual([
      { op: "test", path: "", value: [] },
      { op: "replace", path: "", value: { a: 1 } },
    ]);
    expect(changeOf([3], [3, 4, 5])).toEqual([
      { op: "add", path: "/1", value: 4 },
      { op: "add", path: "/2", value: 5 },
    ]);
  });
});

describe("an observed change", () => {
  const before = { rows: [{ id: 1, amount: 5, at: "10:00" }] };
  const after = {
    rows: [
      { id: 1, amount: 7, at: "10:01" },
      { id: 2, amount: 1, at: "10:01" },
    ],
  };

  it("leaves the ignored columns out of both sides and of the change", () => {
    expect(observedChange(before, after, ["at"])).toEqual({
      before: { rows: [{ id: 1, amount: 5 }] },
      after: {
        rows: [
          { id: 1, amount: 7 },
          { id: 2, amount: 1 },
        ],
      },
      change: [
        { op: "test", path: "/rows/0/amount", value: 5 },
        { op: "replace", path: "/rows/0/amount", value: 7 },
        { op: "add", path: "/rows/1", value: { id: 2, amount: 1 } },
      ],
    });
    expect(before.rows[0]).toHaveProperty("at");
  });

  it("is empty where only ignored columns differ", () => {
    const later = { rows: [{ id: 1, amount: 5, at: "10:02" }] };
    expect(observedChange(before, later, ["at"]).change).toEqual([]);
    expect(observedChange(before, later, []).change).toHaveLength(2);
  });

  it("ignores columns only, not members of their values, and no inherited name", () => {
    const nested = { rows: [{ id: 1, data: { at: 1 } }] };
    expect(observedChange(nested, nested, ["at", "toString", "rows"]).before).toEqual(nested);
  });

  it("hides nothing of what has another form", () => {
    for (const odd of [null, 1, [], { at: 1 }, { rows: { at: 1 } }, { rows: [1, null, ["at"]] }]) {
      expect(observedChange(odd, odd, ["at"])).toEqual({ before: odd, after: odd, change: [] });
    }
    expect(observedChange({ rows: [] }, { rows: [], at: 1 }, ["at"]).change).toHaveLength(1);
  });

  it("turns the one state into the other, for any rows", () => {
    const rows = fc.array(fc.dictionary(name, json, { maxKeys: 4, noNullPrototype: true }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(rows, rows, fc.array(name, { maxLength: 3 }), (one, other, ignore) => {
        const seen = observedChange({ rows: one }, { rows: other }, ignore);
        expect(canonical(apply(seen.before, seen.change))).toBe(canonical(seen.after));
        for (const column of ignore) {
          for (const row of (seen.after as { rows: object[] }).rows) {
            expect(Object.hasOwn(row, column)).toBe(false);
          }
        }
      }),
    );
  });
});

/** RFC 6902, as far as our changes use it; throws where a place or a tested value is not there. */
function apply(value: Json, change: Change): Json {
  let root = value;
  for (const operation of change) {
    const segments = operation.path
      .split("/")
      .slice(1)
      .map((one) => one.replaceAll("~1", "/").replaceAll("~0", "~"));
    root = at(root, segments, operation);
  }
  return root;
}

function at(value: Json, segments: readonly string[], operation: Change[number]): Json {
  const [segment, ...rest] = segments;
  if (segment === undefined) {
    if (operation.op === "remove") throw new Error("nothing around the root");
    if (operation.op !== "test") return operation.value;
    if (canonical(value) !== canonical(operation.value)) throw new Error("test failed");
    return value;
  }
  const adds = operation.op === "add" && rest.length === 0;
  const removes = operation.op === "remove" && rest.length === 0;
  if (Array.isArray(value)) {
    const index = Number(segment);
    if (index > value.length || (!adds && index === value.length)) throw new Error("no such place");
    if (adds) return (value as readonly Json[]).toSpliced(index, 0, operation.value);
    if (removes) return (value as readonly Json[]).toSpliced(index, 1);
    return (value as readonly Json[]).with(index, at(value[index] as Json, rest, operation));
  }
  if (!isObject(value)) throw new Error("no such place");
  if (!adds && !Object.hasOwn(value, segment)) throw new Error("no such place");
  const left = Object.entries(value).filter(([key]) => key !== segment);
  if (removes) return Object.fromEntries(left);
  const next = adds ? operation.value : at(value[segment] as Json, rest, operation);
  return Object.fromEntries([...left, [segment, next]]);
}

function reversed(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(reversed);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
