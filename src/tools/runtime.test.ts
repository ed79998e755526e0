import { describe, expect, it } from "vitest";
import { operationDigest } from "../core/model/operation.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { ToolDescription } from "../policy/bundle/model.ts";
import { toolRuntime } from "./runtime.ts";
import { httpOf, sha256, slots, sqlOf, toolOf } from "./tools.test-support.ts";

const INVOICES: ToolDescription = toolOf({
  tool: {
    id: "invoices_list",
    destination: "billing",
    action: "read",
    tier: "confidential",
    dataClasses: ["invoice", "payment.card"],
    policyArguments: ["customerId"],
  },
  title: "List invoices",
  description: "Invoices of one customer.",
  destination: { id: "billing", kind: "postgres", network: "acme", tier: "confidential" },
  template: sqlOf({
    statement: "select id, card, paid from invoices where customer = $1 limit $2",
    params: ["customerId", "limit"],
    maxRows: 50,
  }),
  input: {
    type: "object",
    required: ["customerId"],
    properties: { customerId: { type: "integer" }, limit: { type: "integer", default: 10 } },
    additionalProperties: false,
  },
  output: {
    kind: "json",
    schema: {
      type: "object",
      required: ["rows"],
      properties: {
        rows: {
          type: "array",
          items: {
            type: "object",
            dataClass: "invoice",
            required: ["id", "card", "paid"],
            properties: {
              id: { type: "integer" },
              card: { type: "string", dataClass: "payment.card" },
              paid: { type: "boolean" },
            },
          },
        },
      },
    },
  },
});

const PLAN: RedactionPlan = {
  invoice: { allow: true, ruleIds: ["invoices"] },
  "payment.card": { allow: false, ruleIds: ["no-cards"] },
};

describe("a tool at run time", () => {
  const runtime = toolRuntime(INVOICES, sha256);

  it("tells where it stands and what it publishes", () => {
    expect(runtime).toMatchObject({
      title: "List invoices",
    });
    expect(runtime.tool).toBe(INVOICES.tool);
    expect(JSON.stringify(runtime.outputSchema)).not.toContain("dataClass");
  });

  it("goes the whole way: shape, request, finish", () => {
    const shaped = runtime.shape({ customerId: 7 });
    if (!shaped.ok) throw new Error("refused");
    expect(shaped.policyArguments).toEqual({ customerId: 7 });

    const request = runtime.request(shaped.args, PLAN, "acme");
    expect(request.operation).toEqual({
      sql: {
        destination: "billing",
        statement: "select id, card, paid from invoices where customer = $1 limit $2",
        params: [7, 10],
        columns: ["id", "paid"],
        mode: "read",
        maxRows: 50,
      },
    });
    expect(operationDigest(sha256, request.operation)).toMatch(/^[0-9a-f]{64}$/);

    const body = JSON.stringify({ rows: [{ id: 1, paid: true }] });
    expect(
      runtime.finish(
        { status: 200, contentType: "application/json", encoding: "utf8", body, truncated: false },
        PLAN,
        {},
      ),
    ).toMatchObject({
      ok: true,
      result: { kind: "json", value: { rows: [{ id: 1, card: null, paid: true }] } },
      counts: [{ path: "/rows/*/card", dataClass: "payment.card", count: 1 }],
    });
  });

  it("publishes no schema for opaque output", () => {
    const opaque = toolRuntime(
      { ...INVOICES, output: { kind: "text", dataClass: "invoice" } },
      sha256,
    );
    expect(opaque.outputSchema).toBe(null);
  });

  it("refuses arguments that have no form in the request", () => {
    const http = toolRuntime(
      {
        ...INVOICES,
        template: httpOf({ method: "GET", path: "/{customerId}", query: slots("limit") }),
        input: { properties: { customerId: { type: "string" }, limit: { type: "integer" } } },
      },
      sha256,
    );
    expect(http.shape({ customerId: ".." })).toEqual({ ok: false, at: ["/customerId"] });
    expect(http.shape({ customerId: "7" })).toMatchObject({ ok: true });
  });
});
