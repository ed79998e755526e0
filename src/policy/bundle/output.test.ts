import { describe, expect, it } from "vitest";
import { parseJsonc } from "./jsonc.ts";
import { Report } from "./mistake.ts";
import { readOutput } from "./output.ts";
import { SourceFile } from "./source-file.ts";

function read(output: object): { classes: readonly string[]; codes: readonly string[] } {
  const report = new Report();
  const file = new SourceFile("tools/x.jsonc", JSON.stringify(output));
  const node = parseJsonc(file, report);
  if (node === undefined) throw new Error("not JSON");
  const { classes } = readOutput(node, ["a", "b", "c", "d"], { file, report });
  return { classes, codes: report.sorted().map((mistake) => mistake.code) };
}

const json = (schema: object): object => ({ kind: "json", schema });
const leaf = { type: "string" };

describe("readOutput", () => {
  it("collects the class of every leaf, nearest ancestor first, and of records", () => {
    const schema = {
      type: "object",
      dataClass: "a",
      properties: {
        plain: leaf,
        own: { ...leaf, dataClass: "b" },
        list: {
          type: "array",
          items: { type: "object", properties: { x: leaf }, records: [{ dataClass: "d" }] },
        },
        map: {
          type: "object",
          dataClass: "c",
          additionalProperties: { type: ["integer", "null"] },
        },
      },
    };
    expect(read(json(schema))).toEqual({ classes: ["a", "b", "c", "d"], codes: [] });
  });

  it("wraps an answer in the one property there is", () => {
    const schema = { type: "object", dataClass: "a", properties: { list: leaf } };
    const wrapped = (wrap: string, of: object = schema): readonly string[] =>
      read({ kind: "json", schema: of, wrap }).codes;
    expect(wrapped("list")).toEqual([]);
    expect(wrapped("other")).toEqual(["wrong_value"]);
    const two = { ...schema, properties: { list: leaf, more: leaf } };
    expect(wrapped("list", two)).toEqual(["wrong_value"]);
    expect(read({ kind: "text", dataClass: "a", wrap: "list" }).codes).toEqual([
      "annotation_misplaced",
    ]);
  });

  it("leaves out a class that no leaf ends up with: policy is not asked about it", () => {
    const schema = {
      type: "object",
      dataClass: "a",
      properties: { x: { ...leaf, dataClass: "b" } },
    };
    expect(read(json(schema))).toEqual({ classes: ["b"], codes: [] });
  });

  it.each(["text", "binary", "mcp-content"])("takes the one class of %s", (kind) => {
    expect(read({ kind, dataClass: "c" })).toEqual({ classes: ["c"], codes: [] });
    expect(read({ kind }).codes).toEqual(["missing_key"]);
    expect(read({ kind, dataClass: "z" }).codes).toEqual(["unknown_data_class"]);
  });

  it.each([
    ["anyOf", { type: "object", dataClass: "a", properties: { x: { anyOf: [leaf] } } }],
    ["$ref", { type: "object", dataClass: "a", properties: { x: { $ref: "#" } } }],
    ["patternProperties", { type: "object", dataClass: "a", patternProperties: {} }],
    [
      "prefixItems",
      {
        type: "object",
        dataClass: "a",
        properties: { x: { type: "array", items: leaf, prefixItems: [] } },
      },
    ],
  ])("refuses %s, which redaction does not walk", (_keyword, schema) => {
    expect(read(json(schema)).codes).toContain("schema_keyword");
  });

  it("refuses a record condition on a field the record does not have: it would never hold", () => {
    const record = {
      type: "object",
      dataClass: "a",
      properties: { status: leaf },
      records: [
        { dataClass: "b", when: { properties: { state: { const: "x" } }, required: ["state"] } },
      ],
    };
    const schema = { type: "object", properties: { list: { type: "array", items: record } } };
    expect(read(json(schema)).codes).toEqual(["schema_required", "schema_required"]);
  });

  it("knows a record that is a trap", () => {
    const planted = (canary: unknown): object =>
      json({
        type: "object",
        dataClass: "a",
        properties: { x: leaf },
        records: [{ dataClass: "b", canary, when: { properties: { x: { const: "bait" } } } }],
      });
    expect(read(planted(true))).toEqual({ classes: ["a", "b"], codes: [] });
    expect(read(planted("yes")).codes).toEqual(["wrong_type"]);
  });

  it("refuses annotations inside a condition", () => {
    const when = { properties: { x: { dataClass: "b" } } };
    const schema = {
      type: "object",
      dataClass: "a",
      properties: { x: leaf },
      records: [{ dataClass: "b", when }],
    };
    expect(read(json(schema)).codes).toEqual(["annotation_misplaced"]);
  });
});
