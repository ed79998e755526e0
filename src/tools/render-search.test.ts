import { describe, expect, it } from "vitest";
import type { JsonObject } from "../core/model/json.ts";
import type { SearchIndex, SearchTemplate } from "../policy/bundle/model.ts";
import { searchOutput } from "../policy/bundle/search-output.ts";
import { toolRuntime } from "./runtime.ts";
import { answerOf, planOf, sha256, toolOf } from "./tools.test-support.ts";

const classes = {
  hit: "page.reference",
  snippet: "page.text",
  records: ["page.open", "page.staff", "page.board"],
};
const OPEN = planOf(["page.reference", "page.text", "page.open", "page.staff"], ["page.board"]);

function runtimeOf(index: SearchIndex, over: Partial<SearchTemplate> = {}) {
  const template: SearchTemplate = {
    kind: "search",
    ...{ mode: "text", index, query: "query", limit: "limit", maxHits: 3, classes, preview: null },
    ...over,
  };
  return toolRuntime(
    toolOf({
      tool: { id: "pages_search", action: "summarize", destination: "pages" },
      destination: { id: "pages", kind: index.kind, network: "acme", tier: "internal" },
      template,
      output: { kind: "json", schema: searchOutput(classes, template.maxHits) },
      input: {
        type: "object",
        properties: {
          query: { type: "string", maxLength: 100 },
          limit: { type: "integer", minimum: 1 },
        },
        required: ["query"],
        additionalProperties: false,
      },
    }),
    sha256,
  );
}

const service = runtimeOf({ kind: "http", path: "/search" });
const table = runtimeOf({ kind: "postgres", statement: "select 1" }, { mode: "vector" });

function asked(args: JsonObject, plan = OPEN, tenant = "acme"): unknown {
  return JSON.parse(service.request(args, plan, tenant).body ?? "");
}
function params(args: JsonObject, plan = OPEN, tenant = "acme"): unknown {
  const { operation } = table.request(args, plan, tenant);
  return "sql" in operation ? operation.sql.params : null;
}

const hit = (over: JsonObject = {}): JsonObject => ({
  ...{ id: "a#b", title: "A", snippet: "…", score: 0.5, class: "page.open" },
  ...over,
});

describe("what a search asks", () => {
  it("of a service is one document of JSON, which the digest covers", () => {
    const request = service.request({ query: "who may", limit: 2 }, OPEN, "acme");
    const body =
      '{"filter":{"classes":["page.open","page.staff"],"tenant":"acme"},' +
      '"mode":"text","query":"who may","topK":2}';
    expect(request).toEqual({
      operation: {
        http: {
          method: "POST",
          destination: "pages",
          path: "/search",
          query: "",
          contentDigest: sha256(body),
        },
      },
      body,
      contentType: "application/json",
    });
  });

  it("of a table is one statement with parameters, the text to be embedded", () => {
    expect(table.request({ query: "who may" }, OPEN, "acme")).toEqual({
      operation: {
        sql: {
          destination: "pages",
          statement: "select 1",
          params: ["who may", "acme", ["page.open", "page.staff"], 3],
          mode: "read",
          maxRows: 3,
          embed: [0],
        },
      },
      body: null,
      contentType: null,
    });
    const words = runtimeOf({ kind: "postgres", statement: "select 1" });
    expect(words.request({ query: "x" }, OPEN, "acme").operation).not.toHaveProperty("sql.embed");
  });

  it("is about the classes that the plan discloses, and about none that it does not know", () => {
    expect(params({ query: "x" }, planOf(["page.board"]))).toEqual([
      "x",
      "acme",
      ["page.board"],
      3,
    ]);
    expect(asked({ query: "x" }, {})).toMatchObject({ filter: { classes: [] } });
    expect(params({ query: "x" }, {})).toEqual(["x", "acme", [], 3]);
  });

  it("is about the workflow's tenant", () => {
    expect(asked({ query: "x" }, OPEN, "globex")).toMatchObject({ filter: { tenant: "globex" } });
    expect(params({ query: "x" }, OPEN, "globex")).toMatchObject({ 1: "globex" });
  });

  it("is for no more hits than the tool gives", () => {
    expect(asked({ query: "x", limit: 3 })).toMatchObject({ topK: 3 });
    expect(asked({ query: "x", limit: 4 })).toMatchObject({ topK: 3 });
    expect(asked({ query: "x" })).toMatchObject({ topK: 3 });
  });

  it.each([
    [{ query: "x", tenant: "globex" }],
    [{ query: "x", classes: ["page.board"] }],
    [{ query: "x", filter: { tenant: "globex" } }],
    [{ query: "x", mode: "vector" }],
    [{ query: { query: "x", filter: {} } }],
    [{ query: ["x"] }],
    [{ query: "x", limit: "1; drop table pages" }],
  ])("is not for arguments to widen: %j does not fit", (args) => {
    expect(service.shape(args)).toMatchObject({ ok: false });
    expect(table.shape(args)).toMatchObject({ ok: false });
  });

  it("keeps a question a question, whatever is in it", () => {
    const query = '"},"filter":{"tenant":"globex"},"query":"';
    expect(asked({ query })).toEqual({
      ...{ query, topK: 3, mode: "text" },
      filter: { tenant: "acme", classes: ["page.open", "page.staff"] },
    });
  });

  it("does not fetch what would be withheld, but what says whether a hit may be shown", () => {
    const plan = planOf(["page.reference", "page.open"], ["page.text", "page.staff", "page.board"]);
    expect(table.request({ query: "x" }, plan, "acme").operation).toMatchObject({
      sql: { columns: ["id", "title", "score", "class"] },
    });
  });
});

describe("what a search answers", () => {
  it("is hits with their scores", () => {
    const rows = [hit(), hit({ id: "c", score: -1.25, class: "page.staff" })];
    expect(service.finish(answerOf({ rows }), OPEN, {})).toMatchObject({
      ok: true,
      result: { value: { rows } },
      redactions: [],
      dropped: 0,
    });
  });

  it("loses a hit of a denied class, which a service that ignores the filter gave: it is counted", () => {
    const rows = [hit({ class: "page.board", snippet: "secret" }), hit()];
    expect(service.finish(answerOf({ rows }), OPEN, {})).toMatchObject({
      ok: true,
      result: { value: { rows: [hit()] } },
      dropped: 1,
    });
  });

  it("has null for a snippet that is withheld", () => {
    const plan = planOf(["page.reference", "page.open"], ["page.text"]);
    const finished = service.finish(answerOf({ rows: [hit()] }), plan, {});
    expect(finished).toMatchObject({ result: { value: { rows: [hit({ snippet: null })] } } });
    expect(finished).toMatchObject({ redactions: [{ path: "/rows/0/snippet" }] });
  });

  it("is what was declared, and not a field more", () => {
    const rows = [hit({ tenant: "globex", embedding: [1, 2] })];
    expect(service.finish(answerOf({ rows }), OPEN, {})).toMatchObject({
      result: { value: { rows: [hit()] } },
      undeclared: 2,
    });
  });

  it.each<[string, JsonObject]>([
    ["a class that nobody declared", { rows: [hit({ class: "page.secret" })] }],
    ["no class", { rows: [{ id: "a", title: "A", snippet: "…", score: 1 }] }],
    ["a class that is no text", { rows: [hit({ class: ["page.open"] })] }],
    ["a whole document as a snippet", { rows: [hit({ snippet: "x".repeat(2_001) })] }],
    ["no score", { rows: [hit({ score: null })] }],
    ["a score that is no number", { rows: [hit({ score: "NaN" })] }],
    ["more hits than there may be", { rows: [hit(), hit(), hit(), hit()] }],
    ["hits under another name", { hits: [hit()] }],
  ])("with %s does not fit", (_, answer) => {
    const invalid = { ok: false, code: "output_invalid" };
    expect(service.finish(answerOf(answer), OPEN, {})).toEqual(invalid);
  });

  it("may be as long as a snippet may be", () => {
    const rows = [hit({ snippet: "x".repeat(2_000) }), hit(), hit()];
    expect(service.finish(answerOf({ rows }), OPEN, {})).toMatchObject({ ok: true });
  });
});
