import { beforeAll, describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { BundleFiles } from "./model.ts";
import { goodBundle, spoilt } from "./testing.ts";

const TOOL = "tools/titles_correct.jsonc";
let good: BundleFiles;
beforeAll(async () => {
  good = await goodBundle();
});

describe("a tool whose agent writes the change", () => {
  it("has the classes of its relations, a preview of all of them, and shows policy what is written", () => {
    const checked = checkBundle(good);
    if (!checked.ok) throw new Error("the good bundle has mistakes");
    expect(checked.bundle.tools.find(({ tool }) => tool.id === "titles_correct")).toMatchObject({
      tool: {
        dataClasses: ["book.record", "reader.name"],
        preview: ["book.record", "reader.name"],
        policyArguments: ["relations", "columns", "written", "verb"],
      },
      template: {
        ...{ kind: "write", statement: "sql", params: "values", maxRows: 20 },
        relations: [{ key: ["id"], update: ["title", "reader"], delete: true, volatile: ["id"] }],
        preview: {
          schema: {
            properties: {
              "library.books": {
                records: [{ dataClass: "book.record" }],
                additionalProperties: {
                  properties: { reader: { type: ["string", "null"], dataClass: "reader.name" } },
                },
              },
            },
          },
        },
      },
    });
  });

  it("has policies that read the verb and the sets", () => {
    const forbid = `
      @id("no-readers") forbid (principal, action == Action::"mutate", resource == Tool::"titles_correct")
      when { context.arguments has verb && context.arguments.verb == "delete" &&
        context.arguments has written && context.arguments.written.contains("library.books.reader") };`;
    const path = "policies/action.cedar";
    expect(checkBundle({ ...good, [path]: `${good[path] ?? ""}${forbid}` }).ok).toBe(true);
    const wrong = forbid.replace('verb == "delete"', 'verb.contains("delete")');
    expect(checkBundle({ ...good, [path]: `${good[path] ?? ""}${wrong}` }).ok).toBe(false);
  });

  it.each([
    ["a read", '"mutate"', '"read"', "write_unfit"],
    ["an effect that nothing shows", '"mutate"', '"execute"', "write_unfit"],
    [
      "a relation that is not declared",
      '"library.books": {',
      '"library.boks": {',
      "unknown_relation",
    ],
    ["a relation without a key", '"key": ["id"],', "", "missing_key"],
    ["an empty key", '"key": ["id"]', '"key": []', "too_short"],
    ["a key of another class", '"key": ["id"]', '"key": ["id", "reader"]', "write_unfit"],
    ["a key that changes", '"update": ["title"', '"update": ["id"', "write_unfit"],
    ["a column that is not declared", '"insert": ["id"', '"insert": ["isbn"', "unknown_column"],
    ["a volatile one that is none", '"volatile": ["id"]', '"volatile": ["at"]', "unknown_column"],
    ["something unseen without a schema", '"library.changes"', '"changes"', "write_unfit"],
    ["more rows than a human is shown", '"maxRows": 20', '"maxRows": 101', "out_of_range"],
    ["an optional statement", '"required": ["sql"]', '"required": []', "write_unfit"],
    ["values that are no list", '"params": "values"', '"params": "sql"', "write_unfit"],
    [
      "an output of its own",
      '{ "kind": "rows" }',
      '{ "kind": "text", "dataClass": "book.record" }',
      "query_unfit",
    ],
    [
      "a destination over HTTP",
      '"destination": "titles"',
      '"destination": "desk"',
      "kind_mismatch",
    ],
  ])("may not have %s", (_what, from, to, code) => {
    const found = spoilt(good, TOOL, from, to).map((one) => `${one.file} ${one.code}`);
    expect(found).toContain(`${TOOL} ${code}`);
  });

  it("has something to write", () => {
    const nothing = (good[TOOL] ?? "").replace(/"insert": [^]*?"delete": true,/, "");
    const checked = checkBundle({ ...good, [TOOL]: nothing });
    expect(checked.ok ? [] : checked.mistakes.map(({ code }) => code)).toContain("write_unfit");
  });
});
