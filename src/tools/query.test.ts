import { beforeAll, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { RawAnswer } from "../gateway/ports.ts";
import type { QueryTemplate, ToolDescription } from "../policy/bundle/model.ts";
import { loadGrammar } from "../sql/parse.ts";
import { toolRuntime } from "./runtime.ts";
import { sha256, toolOf } from "./tools.test-support.ts";

beforeAll(loadGrammar);

const TEMPLATE: QueryTemplate = {
  kind: "query",
  statement: "sql",
  params: "values",
  relations: [
    {
      ...{ schema: "shop", name: "customer", dataClass: "customer" },
      columns: [
        { name: "id", type: "integer", dataClass: "customer" },
        { name: "email", type: "text", dataClass: "contact" },
      ],
    },
  ],
  maxRows: 50,
  minGroup: null,
  preview: null,
};
const INPUT: JsonObject = {
  type: "object",
  properties: { sql: { type: "string", description: "Ask." }, values: { type: "array" } },
  required: ["sql"],
};
const allow = (...classes: readonly string[]): RedactionPlan =>
  Object.fromEntries(classes.map((one) => [one, { allow: true, ruleIds: ["r"] }]));

const described = (template: QueryTemplate = TEMPLATE): ToolDescription => ({
  ...toolOf(),
  template,
  input: INPUT,
  output: { kind: "rows" },
});
const runtime = toolRuntime(described(), sha256);
const summary = toolRuntime(described({ ...TEMPLATE, minGroup: 5 }), sha256);

const answer = (body: string): RawAnswer => ({
  ...{ status: 200, contentType: "application/json", encoding: "utf8", body, truncated: false },
});

describe("a tool whose agent writes the query", () => {
  it("tells the agent what there is to ask", () => {
    expect(runtime.inputSchema).toHaveProperty(
      "properties.sql.description",
      "Ask.\nRelations:\nshop.customer (id integer, email text)",
    );
    expect(runtime.outputSchema).toMatchObject({ properties: { rows: { type: "array" } } });
  });

  it("shows policy relations and columns, and names the classes that it needs", () => {
    const args = { sql: "select id from customer where email = $1", values: ["x"] };
    expect(runtime.shape(args)).toEqual({
      ok: true,
      args,
      policyArguments: {
        relations: ["shop.customer"],
        columns: ["shop.customer.email", "shop.customer.id"],
      },
      named: ["contact", "customer"],
    });
  });

  it.each<[statement: string, code: string, position: number | undefined]>([
    ["select 'é', secret from customer", "column_unknown", 12],
    ["select 1; select 2", "several_statements", undefined],
    ["select $1::int", "parameters", undefined],
  ])("says why %s is refused, and where", (sql, code, position) => {
    const shaped = runtime.shape({ sql });
    expect(shaped).toMatchObject({ ok: false, at: ["/sql"], why: { code } });
    expect(shaped).toHaveProperty("why.fix");
    if (position !== undefined) expect(shaped).toHaveProperty("why.position", position);
  });

  it("sends a statement in which a denied column does not exist, and values apart from it", () => {
    const args = { sql: "select c.* from customer c where id = $1", values: [7] };
    expect(runtime.request(args, allow("customer"), "acme")).toEqual({
      operation: {
        sql: {
          destination: runtime.tool.destination,
          statement: `select c.* from (select "id" from "shop"."customer") c where id = $1`,
          params: [7],
          mode: "read",
          maxRows: 50,
        },
      },
      body: null,
      contentType: null,
    });
    const all = runtime.request(args, allow("customer", "contact"), "acme");
    expect(JSON.stringify(all)).toContain("email");
  });

  it("adds what a group has to have to a summary", () => {
    const args = { sql: "select count(*) from customer" };
    expect(summary.shape(args)).toMatchObject({ ok: true, named: ["customer"] });
    expect(JSON.stringify(summary.request(args, allow("customer"), "acme"))).toContain(
      "having count(*) >= 5",
    );
    expect(summary.shape({ sql: "select id from customer where id < 3 limit 1" })).toMatchObject({
      ok: true,
    });
    expect(summary.shape({ sql: "select max(id) from customer" })).toMatchObject({
      why: { code: "summary_value" },
    });
  });

  it("delivers rows as they are, and only rows", () => {
    const args = { sql: "select id, id + 1 as next from customer" };
    const finish = (body: string, plan: RedactionPlan = allow("customer")): unknown =>
      runtime.finish(answer(body), plan, args);
    const value: Json = { rows: [{ id: 1, next: 2 }] };
    expect(finish(JSON.stringify(value))).toMatchObject({
      ok: true,
      result: { kind: "json", value },
    });
    for (const body of [
      '{"rows":[1]}',
      '{"rows":{}}',
      "[]",
      '{"rows":[],"more":1}',
      "x",
      '{"rows":[{"__proto__":1}]}',
    ]) {
      expect(finish(body)).toEqual({ ok: false, code: "output_invalid" });
    }
  });

  it("delivers nothing where a class that the statement names is not disclosed", () => {
    const body = '{"rows":[{"email":"x"}]}';
    const finish = (plan: RedactionPlan, sql: string): unknown =>
      runtime.finish(answer(body), plan, { sql });
    const withheld = { ok: false, code: "internal_error" };
    expect(finish(allow("customer"), "select email from customer")).toEqual(withheld);
    expect(finish(allow("contact"), "select email from customer")).toEqual(withheld);
    expect(finish(allow("customer", "contact"), "no SQL")).toEqual(withheld);
  });
});
