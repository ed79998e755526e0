import { describe, expect, it } from "vitest";
import type { JsonObject } from "../core/model/json.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  properties: {
    rows: {
      type: "array",
      dataClass: "customer",
      items: {
        type: "object",
        records: [{ dataClass: "vip" }],
        properties: {
          id: { type: "integer" },
          "a/b": { type: ["string", "null"], dataClass: "contact" },
        },
        additionalProperties: { type: "string", dataClass: "contact" },
      },
    },
    note: { type: "string" },
  },
};

describe("classifying an output schema", () => {
  it("gives each leaf the class of its nearest ancestor, and each node those at or below it", () => {
    const classes = classify(SCHEMA).nodes.map(({ path, classes: of }) => [path, of]);
    expect(Object.fromEntries(classes)).toEqual({
      "": ["contact", "customer"],
      "/rows": ["contact", "customer"],
      "/rows/*": ["contact", "customer"],
      "/rows/*/id": ["customer"],
      "/rows/*/a~1b": ["contact"],
      "/rows/*/*": ["contact"],
      "/note": [],
    });
  });

  it("lists all classes to ask for, those of records included", () => {
    expect(classify(SCHEMA).classes).toEqual(["contact", "customer", "vip"]);
  });

  it("numbers the nodes as they stand in the list", () => {
    const { nodes } = classify(SCHEMA);
    expect(nodes.map(({ index }) => index)).toEqual(nodes.map((_, index) => index));
  });

  it("has no class for a container that can hold nothing", () => {
    const empty = classify({
      type: "object",
      dataClass: "customer",
      properties: { a: { type: "object" }, b: { type: "array" } },
    });
    expect(empty.classes).toEqual([]);
  });

  it.each<[string, AnnotatedSchema]>([
    ["a root that is no object", { type: "array", items: { type: "string" } }],
    ["a root that may be null", { type: ["object", "null"] }],
    [
      "a value that is data or holds data",
      { type: "object", properties: { a: { type: ["object", "string"] } } },
    ],
  ])("refuses %s", (_, schema) => {
    expect(() => classify(schema)).toThrow(TypeError);
  });

  it("refuses a schema deeper than any result may be", () => {
    let schema: AnnotatedSchema = { type: "string", dataClass: "a" };
    for (let depth = 0; depth < 65; depth++) schema = { type: "object", properties: { a: schema } };
    expect(() => classify(schema)).toThrow(RangeError);
  });

  it("takes a condition that cannot be evaluated as met", () => {
    const when: JsonObject = { $ref: "#/$defs/none" };
    const { root } = classify({ type: "object", records: [{ dataClass: "vip", when }] });
    expect(root.records[0]?.matches({})).toBe(true);
  });

  it("does not change the bundle it reads", () => {
    const frozen = deepFreeze(
      structuredClone({ ...SCHEMA, records: [{ dataClass: "vip", when: { required: ["id"] } }] }),
    );
    expect(classify(frozen as AnnotatedSchema).root.records[0]?.matches({ id: 1 })).toBe(true);
  });
});

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
