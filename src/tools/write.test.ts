import { beforeAll, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { RawAnswer } from "../gateway/ports.ts";
import type { WriteTemplate } from "../policy/bundle/model.ts";
import { loadGrammar } from "../sql/parse.ts";
import { toolRuntime } from "./runtime.ts";
import { sha256, toolOf } from "./tools.test-support.ts";

beforeAll(loadGrammar);

const leaf = (dataClass: string) => ({ type: ["string", "null"] as const, dataClass });
const TEMPLATE: WriteTemplate = {
  ...{ kind: "write", statement: "sql", params: "values", maxRows: 2 },
  relations: [
    {
      ...{ schema: "shop", name: "customer", dataClass: "customer" },
      columns: [
        { name: "id", type: "integer", dataClass: "customer" },
        { name: "name", type: "text", dataClass: "customer" },
        { name: "email", type: "text", dataClass: "contact" },
      ],
      ...{ key: ["id"], insert: [], update: ["name", "email"], delete: true },
      ...{ volatile: [], also: ["shop.log"] },
    },
  ],
  preview: {
    ignore: [],
    schema: {
      type: "object",
      properties: {
        "shop.customer": {
          type: "object",
          records: [{ dataClass: "customer" }],
          additionalProperties: {
            type: "object",
            properties: { id: leaf("customer"), name: leaf("customer"), email: leaf("contact") },
            additionalProperties: false,
          },
        },
      },
      additionalProperties: false,
    },
  },
};
const INPUT: JsonObject = {
  type: "object",
  properties: { sql: { type: "string", description: "Change." }, values: { type: "array" } },
  required: ["sql"],
};
const runtime = toolRuntime(
  { ...toolOf(), template: TEMPLATE, input: INPUT, output: { kind: "rows" } },
  sha256,
);
const plan = (...classes: readonly string[]): RedactionPlan =>
  Object.fromEntries(
    ["customer", "contact"].map((one) => [one, { allow: classes.includes(one), ruleIds: ["r"] }]),
  );
const UPDATE = { sql: "update customer c set name = $1 where c.id = $2;", values: ["Ann", 7] };

function answer(before: readonly Json[], after: readonly Json[]): RawAnswer {
  const observed = { before: { rows: before }, after: { rows: after } };
  return {
    ...{ status: 200, contentType: "application/json", encoding: "utf8" },
    ...{ body: "", truncated: false, observed },
  };
}

describe("a tool whose agent writes the change", () => {
  it("tells the agent what there is to write", () => {
    expect(runtime.inputSchema).toHaveProperty(
      "properties.sql.description",
      "Change.\nRelations:\nshop.customer (id integer, name text, email text); key: id; allowed: UPDATE of name, email; DELETE",
    );
  });

  it("shows policy verb, relation, what is read and what is written, and names all their classes", () => {
    expect(runtime.shape({ sql: "update customer set name = email where id = 1" })).toMatchObject({
      policyArguments: {
        ...{ verb: "update", relations: ["shop.customer"], written: ["shop.customer.name"] },
        columns: ["shop.customer.email", "shop.customer.id"],
      },
      named: ["contact", "customer"],
    });
  });

  it("sends the statement with its schema, and how its rows are told apart", () => {
    expect(runtime.request(UPDATE, {}, "").operation).toEqual({
      sql: {
        ...{ destination: toolOf().destination.id, mode: "write", maxRows: 2 },
        statement: 'update "shop"."customer" c set name = $1 where c.id = $2',
        params: ["Ann", 7],
        observe: {
          ...{ relation: "shop.customer", key: ["id"], columns: ["id", "name", "email"] },
          ...{ ignore: [], also: ["shop.log"] },
        },
      },
    });
  });

  it("tells its author what is wrong, and where", () => {
    const found = runtime.shape({ sql: "update customer set name = hidden where id = 1" });
    expect(found).toMatchObject({
      ok: false,
      at: ["/sql"],
      why: { code: "column_unknown", position: 27 },
    });
    expect(runtime.shape({ sql: "delete from customer" })).toMatchObject({
      why: { code: "write_condition" },
    });
  });

  it("is shown by key, to each as far as they may see it", () => {
    const row = { id: "7", name: "Bob", email: "b@x" };
    const changed = { ...row, name: "Ann", email: null };
    const seen = runtime.preview?.read(answer([row], [changed]), UPDATE);
    if (seen?.ok !== true) throw new Error(JSON.stringify(seen));
    expect(seen.classes).toEqual(["contact", "customer"]);
    const [at, mail] = ["/shop.customer/7/name", "/shop.customer/7/email"];
    expect(runtime.preview?.show(seen, plan("customer")).change).toEqual([
      { op: "test", path: mail, value: null },
      { op: "replace", path: mail, value: null },
      { op: "test", path: at, value: "Bob" },
      { op: "replace", path: at, value: "Ann" },
    ]);
    // Who may not know which customers there are is not told a key either.
    const blind = runtime.preview?.show(seen, plan("contact"));
    expect(JSON.stringify(blind)).not.toMatch(/7|Bob|Ann/);
    expect(blind?.hidden.length).toBeGreaterThan(0);
  });

  it.each<[string, Json[]]>([
    ["rows with one key", [{ id: "7" }, { id: "7" }]],
    ["a row without a key", [{ id: null }]],
    ["a key that is a number", [{ id: 7 }]],
    ["a key that is a prototype", [{ id: "__proto__" }]],
    ["a column that nobody declared", [{ id: "7", secret: "x" }]],
    ["a value that is no text", [{ id: "7", name: 1 }]],
  ])("believes no connector that shows %s", (_what, rows) => {
    const shown = runtime.preview?.read(answer([], rows), UPDATE);
    expect(shown).toEqual({ ok: false, code: "output_invalid" });
  });

  it("has no way back of its own", () => {
    expect(runtime.undo(UPDATE, { before: {}, after: {} })).toBeNull();
  });
});
