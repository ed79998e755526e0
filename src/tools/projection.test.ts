import { beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../core/model/json.ts";
import type { ToolRuntime } from "../gateway/ports.ts";
import type { AnnotatedSchema, ToolDescription } from "../policy/bundle/model.ts";
import { searchOutput } from "../policy/bundle/search-output.ts";
import { loadGrammar } from "../sql/parse.ts";
import { toolRuntime } from "./runtime.ts";
import { answerOf, httpOf, planOf, sha256, sqlOf, toolOf } from "./tools.test-support.ts";

/** docs/protocol/results.md: a result has what its tool declares, and the rest is not fetched where it can. */
beforeAll(loadGrammar);

const ROW: AnnotatedSchema = {
  type: "object",
  dataClass: "ticket",
  properties: { id: { type: "integer" }, email: { type: "string", dataClass: "contact" } },
  required: ["id"],
};
const ROWS: AnnotatedSchema = {
  type: "object",
  properties: { rows: { type: "array", items: ROW } },
  required: ["rows"],
};
const ALL = planOf(["ticket", "contact"]);
const SOME = planOf(["ticket"], ["contact"]);
const SENT = { rows: [{ id: 1, email: "a@x", secret: "canary", nested: { id: 2 } }], more: 1 };

const runtimeOf = (over: Partial<Omit<ToolDescription, "tool">>): ToolRuntime =>
  toolRuntime(toolOf({ tool: { action: "read" }, ...over }), sha256);
const sqlColumns = (runtime: ToolRuntime, args: JsonObject, plan: typeof ALL): unknown => {
  const { operation } = runtime.request(args, plan, "acme");
  return "sql" in operation ? operation.sql : null;
};

describe("a projection", () => {
  it("of a statement leaves the columns in the database that may not be seen, and what nobody declared with them", () => {
    const runtime = runtimeOf({
      template: sqlOf({ statement: "select * from t" }),
      output: { kind: "json", schema: ROWS },
    });
    // Nothing is withheld: the statement's own list of columns is the projection.
    expect(sqlColumns(runtime, {}, ALL)).not.toHaveProperty("columns");
    expect(sqlColumns(runtime, {}, SOME)).toMatchObject({ columns: ["id"] });
  });

  it("of a query leaves out the columns that may not be seen, also behind a star", () => {
    const columns = [
      { name: "id", type: "integer", dataClass: "ticket" },
      { name: "email", type: "text", dataClass: "contact" },
    ];
    const runtime = runtimeOf({
      template: {
        ...{ kind: "query", statement: "sql", params: null, maxRows: 10, minGroup: null },
        ...{ preview: null },
        relations: [{ schema: "desk", name: "ticket", dataClass: "ticket", columns }],
      },
      input: { type: "object", properties: { sql: { type: "string" } }, required: ["sql"] },
      output: { kind: "rows" },
    });
    const args = { sql: "select * from ticket" };
    expect(JSON.stringify(sqlColumns(runtime, args, ALL))).toContain("email");
    expect(JSON.stringify(sqlColumns(runtime, args, SOME))).not.toContain("email");
  });

  it("of a search over a table is of the members of a hit that may be seen", () => {
    const classes = { hit: "ticket", snippet: "contact", records: ["ticket"] };
    const runtime = runtimeOf({
      template: {
        ...{ kind: "search", mode: "text", query: "q", limit: null, maxHits: 5, preview: null },
        ...{ index: { kind: "postgres", statement: "select 1" }, classes },
      },
      input: { type: "object", properties: { q: { type: "string" } }, required: ["q"] },
      output: { kind: "json", schema: searchOutput(classes, 5) },
    });
    const columns = ["id", "title", "score", "class"];
    expect(sqlColumns(runtime, { q: "x" }, SOME)).toMatchObject({ columns });
    expect(sqlColumns(runtime, { q: "x" }, ALL)).not.toHaveProperty("columns");
  });

  it.each<[string, Partial<Omit<ToolDescription, "tool">>, JsonObject]>([
    ["HTTP", { template: httpOf({ method: "GET" }) }, SENT],
    [
      "an MCP server",
      { template: { kind: "mcp", tool: "t", pin: "0".repeat(64) } },
      { content: [{ type: "text", text: "canary" }], structuredContent: SENT },
    ],
  ])(
    "of an answer over %s is what the tool declares; the rest is taken out and counted",
    (_, over, sent) => {
      const runtime = runtimeOf({ ...over, output: { kind: "json", schema: ROWS } });
      const finished = runtime.finish(answerOf(sent), SOME, {});
      expect(finished).toMatchObject({
        result: { kind: "json", value: { rows: [{ id: 1, email: null }] } },
        undeclared: 3,
        truncation: null,
      });
      expect(JSON.stringify(finished)).not.toContain("canary");
    },
  );
});
