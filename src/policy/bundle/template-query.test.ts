import { beforeAll, describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { BundleFiles } from "./model.ts";
import { goodBundle, spoilt } from "./testing.ts";

const TOOL = "tools/titles_ask.jsonc";
let good: BundleFiles;
beforeAll(async () => {
  good = await goodBundle();
});

const codes = (path: string, from: string, to: string): readonly string[] =>
  spoilt(good, path, from, to).map(({ file, code }) => `${file} ${code}`);

describe("a tool whose agent writes the query", () => {
  it("has the classes of its relations, and shows policy what a statement is about", () => {
    const checked = checkBundle(good);
    if (!checked.ok) throw new Error("the good bundle has mistakes");
    const ask = checked.bundle.tools.find(({ tool }) => tool.id === "titles_ask");
    expect(ask).toMatchObject({
      tool: {
        dataClasses: ["book.record", "reader.name"],
        policyArguments: ["relations", "columns"],
      },
      output: { kind: "rows" },
      template: {
        kind: "query",
        statement: "sql",
        params: "values",
        minGroup: null,
        relations: [{ schema: "library", name: "books", dataClass: "book.record" }],
      },
    });
    expect(ask?.template).toHaveProperty("relations.0.columns.2", {
      ...{ name: "reader", type: "text", dataClass: "reader.name" },
    });
  });

  it("has policies that read the sets", () => {
    const forbid = `
      @id("no-readers") forbid (principal, action == Action::"read", resource == Tool::"titles_ask")
      when { context.arguments has columns && context.arguments.columns.contains("library.books.reader") };`;
    const path = "policies/action.cedar";
    expect(checkBundle({ ...good, [path]: `${good[path] ?? ""}${forbid}` }).ok).toBe(true);
    const wrong = forbid.replace('.contains("library.books.reader")', ' == "x"');
    expect(checkBundle({ ...good, [path]: `${good[path] ?? ""}${wrong}` }).ok).toBe(false);
  });

  it.each([
    ["a relation that is not declared", '"library.books"', '"library.boks"', "unknown_relation"],
    ["no relation", '["library.books"]', "[]", "too_short"],
    ["an effect", '"action": "read"', '"action": "execute"', "query_unfit"],
    ["a group of a read", '"maxRows": 50', '"maxRows": 50, "minGroup": 5', "query_unfit"],
    ["a summary without groups", '"action": "read"', '"action": "summarize"', "query_unfit"],
    ["a group of two", '"maxRows": 50', '"maxRows": 50, "minGroup": 2', "out_of_range"],
    [
      "an argument that is not there",
      '"statement": "sql"',
      '"statement": "query"',
      "argument_unknown",
    ],
    ["an optional statement", '"required": ["sql"]', '"required": []', "query_unfit"],
    ["values that are no list", '"params": "values"', '"params": "sql"', "query_unfit"],
    [
      "a third argument",
      '"sql": { "type": "string"',
      '"x": { "type": "string" }, "sql": { "type": "string"',
      "argument_unused",
    ],
    [
      "an output of its own",
      '{ "kind": "rows" }',
      '{ "kind": "text", "dataClass": "book.record" }',
      "query_unfit",
    ],
    [
      "classes of its output",
      '{ "kind": "rows" }',
      '{ "kind": "rows", "dataClass": "book.record" }',
      "annotation_misplaced",
    ],
    [
      "another template",
      '"query": {',
      '"sql": { "statement": "select 1", "params": [], "maxRows": 1 }, "query": {',
      "template_ambiguous",
    ],
    [
      "a destination over HTTP",
      '"destination": "titles"',
      '"destination": "desk"',
      "kind_mismatch",
    ],
    [
      "a destination without relations",
      '"destination": "titles"',
      '"destination": "catalog"',
      "unknown_relation",
    ],
  ])("may not have %s", (_what, from, to, code) => {
    expect(codes(TOOL, from, to)).toContain(`${TOOL} ${code}`);
  });

  it("has no argument called like what policies read of the statement", () => {
    const text = (good[TOOL] ?? "").replaceAll('"values"', '"columns"');
    const checked = checkBundle({ ...good, [TOOL]: text });
    expect(checked.ok ? [] : checked.mistakes.map(({ code }) => code)).toContain("query_unfit");
  });

  it("is the only one that answers rows", () => {
    const path = "tools/loans_create.jsonc";
    const text = (good[path] ?? "").replace(/"output":[^]*$/, '"output": { "kind": "rows" } }');
    const checked = checkBundle({ ...good, [path]: text });
    expect(checked.ok ? [] : checked.mistakes.map(({ code }) => code)).toContain("query_unfit");
  });
});

describe("a catalogue", () => {
  it.each([
    [
      "a class that is not declared",
      '"dataClass": "book.record"',
      '"dataClass": "book.recrod"',
      "unknown_data_class",
    ],
    [
      "a column's class that is not declared",
      '"text", "dataClass": "reader.name"',
      '"text", "dataClass": "reader.nmae"',
      "unknown_data_class",
    ],
    ["a relation without schema", '"library.books"', '"books"', "bad_id"],
    ["a relation of PostgreSQL's own", '"library.books"', '"pg_catalog.books"', "bad_id"],
    ["a relation that poses as one", '"library.books"', '"library.pg_class"', "bad_id"],
    [
      "a relation of the information schema",
      '"library.books"',
      '"information_schema.tables"',
      "bad_id",
    ],
    ["a column that every table has", '"title": { "type"', '"ctid": { "type"', "bad_id"],
    ["a column without a type", '{ "type": "integer" }', "{}", "missing_key"],
    [
      "a column called like its relation",
      '"title": { "type"',
      '"books": { "type"',
      "relation_column",
    ],
    [
      "none of its own class",
      '"library.visits": {\n          "dataClass": "reader.name",\n          "columns": { "reader": { "type": "text" }, "came_on": { "type": "date" } }',
      '"library.visits": { "dataClass": "reader.name", "columns": { "reader": { "type": "text", "dataClass": "book.record" } }',
      "relation_column",
    ],
    [
      "a service over HTTP",
      '"desk": { "kind": "http",',
      '"desk": { "kind": "http", "relations": {},',
      "relations_misplaced",
    ],
  ])("may not have %s", (_what, from, to, code) => {
    expect(codes("bundle.jsonc", from, to)).toContain(`bundle.jsonc ${code}`);
  });

  it("says where, and what to do", () => {
    expect(spoilt(good, "bundle.jsonc", '"title": { "type"', '"books": { "type"')[0]).toMatchObject(
      {
        line: 17,
        fix: "declare a view that calls it otherwise",
      },
    );
  });
});
