import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { compileRedactor } from "./redact.ts";
import { compileStandings } from "./standing.ts";

const ALLOW = { allow: true, ruleIds: ["permit"] };
const DENY = { allow: false, ruleIds: ["no-contact", "no-export"] };

function redact(schema: AnnotatedSchema, value: Json, plan: RedactionPlan) {
  const tree = classify(schema);
  return compileRedactor(tree, compileStandings(tree))(value, plan);
}

function rowsOf(item: Partial<AnnotatedSchema>): AnnotatedSchema {
  return {
    type: "object",
    required: ["rows"],
    properties: { rows: { type: "array", items: { type: "object", ...item } } },
  };
}

const CUSTOMERS = rowsOf({
  dataClass: "customer",
  required: ["id", "email"],
  properties: {
    id: { type: "integer" },
    email: { type: "string", dataClass: "contact" },
    address: {
      type: "object",
      properties: {
        city: { type: "string" },
        lines: { type: "array", dataClass: "contact", items: { type: "string" } },
      },
    },
  },
});

describe("redacting a result", () => {
  it("nulls denied fields, nested and in arrays, and says where, what and why", () => {
    const value = {
      rows: [
        { id: 1, email: "a@x", address: { city: "Rome", lines: ["Via 1", "Via 2"] } },
        { id: 2, email: "b@x" },
      ],
    };
    expect(redact(CUSTOMERS, value, { customer: ALLOW, contact: DENY })).toEqual({
      ok: true,
      value: {
        rows: [
          { id: 1, email: null, address: { city: "Rome", lines: null } },
          { id: 2, email: null },
        ],
      },
      redactions: ["/rows/0/email", "/rows/0/address/lines", "/rows/1/email"].map((path) => ({
        path,
        dataClass: "contact",
        ruleIds: ["no-contact", "no-export"],
        transform: "null",
      })),
      counts: [
        { path: "/rows/*/address/lines", dataClass: "contact", count: 1 },
        { path: "/rows/*/email", dataClass: "contact", count: 2 },
      ],
      dropped: 0,
      undeclared: 0,
    });
  });

  it("takes the largest subtree that is denied whole, once for each of its classes", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: {
        id: { type: "integer", dataClass: "customer" },
        card: {
          type: "object",
          properties: {
            number: { type: "string", dataClass: "payment" },
            holder: { type: "string", dataClass: "contact" },
          },
        },
      },
    };
    const value = { id: 1, card: { number: "4111", holder: "Dana" } };
    const denied = redact(schema, value, { customer: ALLOW, contact: DENY, payment: DENY });
    expect(denied).toMatchObject({
      value: { id: 1, card: null },
      redactions: [
        { path: "/card", dataClass: "contact" },
        { path: "/card", dataClass: "payment" },
      ],
    });
    expect(redact(schema, value, { customer: ALLOW, contact: ALLOW, payment: DENY })).toMatchObject(
      {
        value: { id: 1, card: { number: null, holder: "Dana" } },
      },
    );
  });

  it("keeps the root an object: its members go", () => {
    expect(redact(CUSTOMERS, { rows: [] }, {})).toMatchObject({
      value: { rows: null },
      redactions: [
        { path: "/rows", dataClass: "contact", ruleIds: ["default:data"] },
        { path: "/rows", dataClass: "customer", ruleIds: ["default:data"] },
      ],
    });
  });

  it("treats a class the plan does not name as denied, also one named like an inherited member", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: {
        a: { type: "string", dataClass: "constructor" },
        b: { type: "string", dataClass: "b" },
      },
    };
    expect(redact(schema, { a: "x", b: "y" }, { b: ALLOW })).toMatchObject({
      value: { a: null, b: "y" },
      redactions: [{ path: "/a", ruleIds: ["default:data"] }],
    });
  });

  it("takes no disclosure from a prototype", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: { a: { type: "string", dataClass: "contact" } },
    };
    const inherited = Object.create({ contact: ALLOW }) as RedactionPlan;
    expect(redact(schema, { a: "x" }, inherited)).toMatchObject({
      value: { a: null },
      redactions: [{ ruleIds: ["default:data"] }],
    });
  });

  it("gives a column that was not fetched its key, null and a redaction", () => {
    const plan = { customer: ALLOW, contact: DENY };
    for (const row of [{ id: 1 }, { id: 1, email: null }]) {
      expect(redact(CUSTOMERS, { rows: [row] }, plan)).toMatchObject({
        ok: true,
        value: { rows: [{ id: 1, email: null }] },
        counts: [{ path: "/rows/*/email", count: 1 }],
      });
    }
  });

  it("does not tell whether a denied optional field was there", () => {
    const schema = rowsOf({
      properties: {
        id: { type: "integer", dataClass: "customer" },
        fraud: { type: "boolean", dataClass: "risk" },
      },
    });
    const plan = { customer: ALLOW, risk: DENY };
    expect(redact(schema, { rows: [{ id: 1 }] }, plan)).toEqual(
      redact(schema, { rows: [{ id: 1, fraud: true }] }, plan),
    );
  });

  it("removes and counts what is undeclared or unclassified, and reports no redaction", () => {
    const schema = rowsOf({
      required: ["note"],
      properties: { id: { type: "integer", dataClass: "customer" }, note: { type: "string" } },
    });
    const value = { rows: [{ id: 1, note: "n", secret: "s" }, { id: 2 }], next: "url" };
    expect(redact(schema, value, { customer: ALLOW })).toEqual({
      ok: true,
      value: { rows: [{ id: 1 }, { id: 2 }] },
      redactions: [],
      counts: [],
      dropped: 0,
      undeclared: 3,
    });
  });

  it("redacts inside maps and keeps their keys", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: {
        people: {
          type: "object",
          additionalProperties: {
            type: "object",
            properties: {
              name: { type: "string", dataClass: "customer" },
              email: { type: "string", dataClass: "contact" },
            },
          },
        },
      },
    };
    const value = { people: { "a/b~c": { name: "A", email: "a@x" } } };
    expect(redact(schema, value, { customer: ALLOW, contact: DENY })).toMatchObject({
      value: { people: { "a/b~c": { name: "A", email: null } } },
      redactions: [{ path: "/people/a~1b~0c/email" }],
      counts: [{ path: "/people/*/email", count: 1 }],
    });
  });
});

describe("withholding records", () => {
  const when = { required: ["tier"], properties: { tier: { const: "vip" } } };
  const schema = rowsOf({
    dataClass: "customer",
    records: [{ dataClass: "vip", when }],
    properties: { id: { type: "integer" }, email: { type: "string", dataClass: "contact" } },
  });
  const rows = [
    { id: 1, tier: "vip", email: "a" },
    { id: 2, tier: "basic", email: "b" },
    { id: 3, email: "c" },
  ];

  it("drops and counts what matches, judged before anything was removed, and points past it", () => {
    expect(redact(schema, { rows }, { customer: ALLOW, contact: DENY, vip: DENY })).toMatchObject({
      value: {
        rows: [
          { id: 2, email: null },
          { id: 3, email: null },
        ],
      },
      redactions: [{ path: "/rows/0/email" }, { path: "/rows/1/email" }],
      dropped: 1,
    });
  });

  it("drops nothing of a class that may be disclosed", () => {
    const plan = { customer: ALLOW, contact: ALLOW, vip: ALLOW };
    expect(redact(schema, { rows }, plan)).toMatchObject({ dropped: 0, redactions: [] });
  });

  it("drops when the plan does not know the class", () => {
    expect(redact(schema, { rows }, { customer: ALLOW })).toMatchObject({ dropped: 1 });
  });

  it("drops every record where there is no condition, or one that cannot be evaluated", () => {
    for (const records of [
      [{ dataClass: "vip" }],
      [{ dataClass: "vip", when: { $ref: "#/none" } }],
    ]) {
      const all = rowsOf({
        records,
        properties: { id: { type: "integer", dataClass: "customer" } },
      });
      expect(redact(all, { rows }, { customer: ALLOW })).toMatchObject({
        value: { rows: [] },
        dropped: 3,
      });
    }
  });

  it("nulls a record that is no item", () => {
    const single: AnnotatedSchema = {
      type: "object",
      properties: {
        customer: {
          type: "object",
          records: [{ dataClass: "vip", when }],
          properties: { id: { type: "integer", dataClass: "customer" } },
        },
      },
    };
    const value = { customer: { id: 1, tier: "vip" } };
    expect(redact(single, value, { customer: ALLOW, vip: DENY })).toEqual({
      ok: true,
      value: { customer: null },
      redactions: [
        { path: "/customer", dataClass: "vip", ruleIds: DENY.ruleIds, transform: "null" },
      ],
      counts: [{ path: "/customer", dataClass: "vip", count: 1 }],
      dropped: 0,
      undeclared: 0,
    });
  });

  it("nulls every member of a root that is such a record, and leaves no key of a map", () => {
    const root: AnnotatedSchema = {
      type: "object",
      records: [{ dataClass: "vip" }],
      properties: { id: { type: "integer", dataClass: "customer" } },
      additionalProperties: { type: "string", dataClass: "customer" },
    };
    expect(redact(root, { id: 1, "dana@x": "y" }, { customer: ALLOW })).toMatchObject({
      ok: true,
      value: { id: null },
      redactions: [{ path: "/id", dataClass: "vip" }],
    });
  });
});
