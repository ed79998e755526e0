import { describe, expect, it } from "vitest";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { AnnotatedSchema, RecordClass, SqlTemplate } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { compileSql } from "./render-sql.ts";

const TEMPLATE: SqlTemplate = {
  kind: "sql",
  statement: "select * from customers where id = $1 and region = $2",
  params: ["id", "region"],
  maxRows: 200,
  mode: "read",
  preview: null,
};

function rows(item: Partial<AnnotatedSchema> = {}): AnnotatedSchema {
  return {
    type: "object",
    properties: {
      rows: {
        type: "array",
        items: {
          type: "object",
          properties: {
            id: { type: "integer", dataClass: "customer" },
            email: { type: "string", dataClass: "contact" },
            address: {
              type: "object",
              properties: {
                city: { type: "string", dataClass: "customer" },
                street: { type: "string", dataClass: "contact" },
              },
            },
            vip: { type: "boolean", dataClass: "contact" },
            note: { type: "string" },
          },
          ...item,
        },
      },
    },
  };
}

const NO_CONTACT: RedactionPlan = {
  customer: { allow: true, ruleIds: ["a"] },
  contact: { allow: false, ruleIds: ["b"] },
  vip: { allow: false, ruleIds: ["c"] },
};

function columns(schema: AnnotatedSchema, plan: RedactionPlan, mode: SqlTemplate["mode"] = "read") {
  const sql = compileSql({ ...TEMPLATE, mode }, "billing", classify(schema));
  const { operation } = sql.render({}, plan, "acme");
  return "sql" in operation ? operation.sql.columns : null;
}

function withRecords(...records: RecordClass[]): AnnotatedSchema {
  return rows({ records });
}

describe("rendering a SQL request", () => {
  it("keeps statement and parameters apart; a missing argument is null", () => {
    const sql = compileSql(TEMPLATE, "billing", null);
    expect(sql.render({ id: "1'; drop table customers; --" }, {}, "acme")).toEqual({
      operation: {
        sql: {
          destination: "billing",
          statement: TEMPLATE.statement,
          params: ["1'; drop table customers; --", null],
          mode: "read",
          maxRows: 200,
        },
      },
      body: null,
      contentType: null,
    });
  });

  it("takes no parameter from a prototype", () => {
    const sql = compileSql({ ...TEMPLATE, params: ["constructor"] }, "billing", null);
    expect(sql.render({}, {}, "acme")).toMatchObject({ operation: { sql: { params: [null] } } });
  });

  it("fetches all columns while none is denied", () => {
    const all = { ...NO_CONTACT, contact: { allow: true, ruleIds: ["b"] } };
    expect(columns(rows(), all)).toBe(undefined);
  });

  it("does not fetch a denied or unclassified column, but one that is denied only in part", () => {
    expect(columns(rows(), NO_CONTACT)).toEqual(["id", "address"]);
  });

  it("treats a class that the plan does not know as denied", () => {
    expect(columns(rows(), { customer: { allow: true, ruleIds: ["a"] } })).toEqual([
      "id",
      "address",
    ]);
  });

  it("fetches everything for a condition on a column that nobody declared", () => {
    const when = { required: ["trap"] };
    expect(columns(withRecords({ dataClass: "vip", when }), NO_CONTACT)).toBe(undefined);
  });

  it("fetches what a trap looks at, whether or not its records may be disclosed", () => {
    const when = { required: ["vip"], properties: { vip: { const: true } } };
    const may = { ...NO_CONTACT, vip: { allow: true, ruleIds: ["c"] } };
    const trap = withRecords({ dataClass: "vip", canary: true, when });
    expect(columns(trap, may)).toEqual(["id", "address", "vip"]);
    expect(columns({ ...rows(), records: [{ dataClass: "vip", canary: true }] }, may)).toBe(
      undefined,
    );
  });

  it("observes a write before and after, with parameters of its own", () => {
    const preview = {
      statement: "select id, amount from refunds where id = $1",
      params: ["id"],
      ignore: ["updated_at"],
      schema: rows(),
    };
    const sql = compileSql({ ...TEMPLATE, mode: "write", preview }, "billing", null);
    expect(sql.render({ id: 7, region: "eu" }, {}, "acme").operation).toEqual({
      sql: {
        destination: "billing",
        statement: TEMPLATE.statement,
        params: [7, "eu"],
        mode: "write",
        maxRows: 200,
        observe: { statement: preview.statement, params: [7], ignore: ["updated_at"] },
      },
    });
  });

  it("leaves the result of a write as the statement has it", () => {
    expect(columns(rows(), NO_CONTACT, "write")).toBe(undefined);
  });

  it("fetches all columns where a row may have others", () => {
    const open = rows({ additionalProperties: { type: "string", dataClass: "customer" } });
    expect(columns(open, NO_CONTACT)).toBe(undefined);
  });

  it("fetches a denied column that a condition on denied records looks at", () => {
    const when = { required: ["vip"], properties: { vip: { const: true } } };
    expect(columns(withRecords({ dataClass: "vip", when }), NO_CONTACT)).toEqual([
      "id",
      "address",
      "vip",
    ]);
    const nested = {
      not: { anyOf: [{ if: when, ["then" as string]: { required: ["email"] } }, true] },
    };
    expect(columns(withRecords({ dataClass: "vip", when: nested }), NO_CONTACT)).toEqual([
      "id",
      "email",
      "address",
      "vip",
    ]);
  });

  it("does not, when records of that class may be disclosed", () => {
    const when = { properties: { vip: { const: true } } };
    const plan = { ...NO_CONTACT, vip: { allow: true, ruleIds: ["c"] } };
    expect(columns(withRecords({ dataClass: "vip", when }), plan)).toEqual(["id", "address"]);
  });

  it("needs no column to withhold every record", () => {
    expect(columns(withRecords({ dataClass: "vip" }), NO_CONTACT)).toEqual(["id", "address"]);
  });

  it("fetches everything for a condition on the whole result", () => {
    const whole = { ...rows(), records: [{ dataClass: "vip" }] };
    expect(columns(whole, NO_CONTACT)).toBe(undefined);
    expect(columns(whole, { ...NO_CONTACT, vip: { allow: true, ruleIds: ["c"] } })).toEqual([
      "id",
      "address",
    ]);
  });

  it.each([
    ["minProperties", { minProperties: 3 }],
    ["const", { const: { vip: true } }],
    ["$ref", { $ref: "#/$defs/any" }],
    ["propertyNames", { propertyNames: { const: "vip" } }],
  ])("fetches everything for a condition with %s, which names no member", (_, when) => {
    expect(columns(withRecords({ dataClass: "vip", when }), NO_CONTACT)).toBe(undefined);
  });
});
