import { describe, expect, it } from "vitest";
import { operationDigest } from "../core/model/operation.ts";
import type { Json } from "../core/model/json.ts";
import type { AnnotatedSchema, SqlPreview } from "../policy/bundle/model.ts";
import { toolRuntime } from "./runtime.ts";
import { answerOf, httpOf, planOf, sha256, sqlOf, toolOf } from "./tools.test-support.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  required: ["rows"],
  properties: {
    rows: {
      type: "array",
      items: {
        type: "object",
        dataClass: "refund",
        required: ["id", "amount", "iban", "updated_at"],
        records: [
          {
            dataClass: "vip",
            when: { required: ["vip"], properties: { vip: { const: true } } },
          },
        ],
        properties: {
          id: { type: "integer" },
          amount: { type: "number" },
          iban: { type: "string", dataClass: "payment" },
          vip: { type: "boolean" },
          updated_at: { type: "string" },
        },
        additionalProperties: false,
      },
    },
  },
};
const PREVIEW: SqlPreview = {
  statement: "select id, amount, iban, vip, updated_at from refunds where id = $1",
  params: ["id"],
  ignore: ["updated_at"],
  schema: SCHEMA,
};
const runtimeOf = (preview: SqlPreview | null) =>
  toolRuntime(
    toolOf({
      tool: { sourceArguments: ["note"] },
      destination: { id: "billing", kind: "postgres", network: "acme", tier: "confidential" },
      template: sqlOf({
        statement: "update refunds set amount = $1 where id = $2 returning id",
        params: ["amount", "id"],
        mode: "write",
        preview,
      }),
      input: {
        properties: {
          id: { type: "integer" },
          amount: { type: "number" },
          note: { type: "string" },
        },
      },
      target: ["id"],
      undo: {
        tool: "refund_set",
        arguments: { id: "/arguments/id", amount: "/before/rows/0/amount" },
      },
    }),
    sha256,
  );
const runtime = runtimeOf(PREVIEW);
const preview = runtime.preview!;
const ARGS = { id: 7, amount: 20, note: "Ann" };
const row = (amount: number, over: { readonly [column: string]: Json } = {}) => ({
  id: 7,
  amount,
  iban: "DE1",
  vip: false,
  updated_at: String(amount),
  ...over,
});

function read(before: Json, after: Json) {
  return preview.read(answerOf({ rows: [] }, { observed: { before, after } }), ARGS);
}

function seen(before: Json, after: Json) {
  const previewed = read(before, after);
  if (!previewed.ok) throw new Error(previewed.code);
  return previewed;
}

describe("a SQL preview", () => {
  it("is the operation that is executed, with one digest under every plan", () => {
    const request = preview.request(ARGS);
    expect(request.operation).toMatchObject({
      sql: {
        params: [20, 7],
        observe: { statement: PREVIEW.statement, params: [7], ignore: ["updated_at"] },
      },
    });
    const digest = operationDigest(sha256, request.operation);
    for (const plan of [{}, planOf(["ticket"]), planOf([], ["ticket"])]) {
      expect(runtime.request(ARGS, plan, "acme")).toEqual(request);
      expect(operationDigest(sha256, runtime.request(ARGS, plan, "acme").operation)).toBe(digest);
    }
  });

  it("reads what the connector saw, without volatile columns", () => {
    expect(read({ rows: [row(50)] }, { rows: [row(20)] })).toEqual({
      ok: true,
      before: { rows: [{ id: 7, amount: 50, iban: "DE1", vip: false }] },
      after: { rows: [{ id: 7, amount: 20, iban: "DE1", vip: false }] },
      change: [
        { op: "test", path: "/rows/0/amount", value: 50 },
        { op: "replace", path: "/rows/0/amount", value: 20 },
      ],
      classes: ["refund"],
      etag: null,
    });
  });

  it("shows rows that come and go, as far as they may be seen", () => {
    const plan = planOf(["refund"], ["payment", "vip"]);
    const added = seen({ rows: [] }, { rows: [row(20)] });
    expect(added.classes).toEqual(["payment", "refund"]);
    expect(preview.show(added, plan)).toEqual({
      change: [
        { op: "add", path: "/rows/0", value: { id: 7, amount: 20, iban: null, vip: false } },
      ],
      hidden: [
        { path: "/0/value/iban", dataClass: "payment", ruleIds: ["no-payment"], transform: "null" },
      ],
    });
    const removed = seen({ rows: [row(20), row(30, { vip: true })] }, { rows: [row(20)] });
    expect(removed.classes).toEqual(["payment", "refund", "vip"]);
    expect(preview.show(removed, plan).change).toEqual([
      { op: "test", path: "/rows/1", value: null },
      { op: "remove", path: "/rows/1" },
    ]);
  });

  it("is unavailable without what was observed, or when that is no list of rows", () => {
    const unavailable = { ok: false, code: "preview_unavailable" };
    expect(preview.read(answerOf({ rows: [] }), ARGS)).toEqual(unavailable);
    expect(read(null, { rows: [] })).toEqual(unavailable);
    expect(read({ rows: [] }, [])).toEqual(unavailable);
    expect(read({ rows: [7] }, { rows: [] })).toEqual(unavailable);
  });

  it("refuses a changed column that nobody declared, or that is not as declared", () => {
    const refused = { ok: false, code: "output_invalid" };
    expect(read({ rows: [row(1, { x: "a" })] }, { rows: [row(1, { x: "b" })] })).toEqual(refused);
    expect(read({ rows: [row(1)] }, { rows: [row(1, { iban: 7 })] })).toEqual(refused);
    expect(read({ rows: [row(1, { x: "a" })] }, { rows: [row(2, { x: "a" })] })).toMatchObject({
      ok: true,
    });
  });

  it("refuses more rows than anybody reads", () => {
    const rows = Array.from({ length: 201 }, (_, at) => row(at));
    expect(read({ rows: [] }, { rows })).toEqual({ ok: false, code: "preview_too_large" });
    expect(read({ rows: [] }, { rows: rows.slice(1) })).toMatchObject({ ok: true });
  });
});

describe("what a tool says of its calls", () => {
  it("has no preview where none is declared", () => {
    expect(runtimeOf(null).preview).toBe(null);
    expect(runtimeOf(null).request(ARGS, {}, "acme").operation).not.toHaveProperty("sql.observe");
  });

  it("names the target, whatever else is in the call", () => {
    expect(runtime.target(ARGS)).toBe('{"id":7}');
    expect(runtime.target({ note: "x", id: 7 })).toBe('{"id":7}');
    expect(runtime.target({ constructor: 1 })).toBe("{}");
  });

  it("gives the texts of its source arguments", () => {
    expect([...runtime.sourceTexts(ARGS)]).toEqual([["note", ["Ann"]]]);
  });

  it("undoes what was observed", () => {
    const { before, after } = seen({ rows: [row(50)] }, { rows: [row(20)] });
    expect(runtime.undo(ARGS, { before, after })).toEqual({
      tool: "refund_set",
      arguments: { id: 7, amount: 50 },
    });
    expect(runtime.undo(ARGS, { before: { rows: [] }, after })).toBe(null);
  });

  it("sends an idempotency key only where its service takes one", () => {
    expect(runtime.sendsIdempotencyKey).toBe(false);
    for (const [idempotencyHeader, sends] of [
      ["Idempotency-Key", true],
      [null, false],
    ] as const) {
      const http = toolRuntime(toolOf({ template: httpOf({ idempotencyHeader }) }), sha256);
      expect(http.sendsIdempotencyKey).toBe(sends);
    }
  });
});
