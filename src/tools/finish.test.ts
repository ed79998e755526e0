import { describe, expect, it } from "vitest";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { Finished, RawAnswer } from "../gateway/ports.ts";
import type { AnnotatedSchema, OutputDescription } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { compileFinisher } from "./finish.ts";
import { limited } from "./tools.test-support.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "integer", dataClass: "ticket" },
    email: { type: "string", dataClass: "contact" },
  },
};
const PLAN: RedactionPlan = {
  ticket: { allow: true, ruleIds: ["tickets"] },
  contact: { allow: false, ruleIds: ["no-contact"] },
};
const CAP = 1_024;
const LIMITS = limited(CAP);

function answer(body: string, over: Partial<RawAnswer> = {}): RawAnswer {
  return {
    status: 200,
    contentType: "application/json",
    encoding: "utf8",
    body,
    truncated: false,
    ...over,
  };
}

function finishJson(raw: RawAnswer, plan = PLAN): Finished {
  return compileFinisher({ kind: "json", schema: SCHEMA }, classify(SCHEMA), LIMITS)(raw, plan);
}

function finish(kind: "text" | "binary" | "mcp-content", raw: RawAnswer, plan = PLAN): Finished {
  const output: OutputDescription = { kind, dataClass: "ticket" };
  return compileFinisher(output, null, LIMITS)(raw, plan);
}

const base64 = (bytes: string | Uint8Array): string =>
  Buffer.from(bytes as string).toString("base64");

describe("finishing a structured answer", () => {
  it("takes what is no object for the one member of the result, and redacts inside of it", () => {
    const schema: AnnotatedSchema = {
      type: "object",
      properties: { items: { type: "array", items: SCHEMA } },
      required: ["items"],
    };
    const output = { kind: "json", schema, wrap: "items" } as const;
    const wrapped = compileFinisher(output, classify(schema), LIMITS);
    expect(wrapped(answer('[{"id":1,"email":"a@x"},{"id":2}]'), PLAN)).toMatchObject({
      ok: true,
      result: {
        value: {
          items: [
            { id: 1, email: null },
            { id: 2, email: null },
          ],
        },
      },
      redactions: [{ path: "/items/0/email" }, { path: "/items/1/email" }],
    });
    for (const body of ['{"items":[]}', "7", '[{"id":"x"}]']) {
      expect(wrapped(answer(body), PLAN)).toEqual({ ok: false, code: "output_invalid" });
    }
  });

  it("redacts, and says what the record needs", () => {
    const body = '{"id":1,"email":"é@x","more":1}';
    expect(finishJson(answer(body))).toEqual({
      ok: true,
      result: { kind: "json", value: { id: 1, email: null } },
      redactions: [
        { path: "/email", dataClass: "contact", ruleIds: ["no-contact"], transform: "null" },
      ],
      counts: [{ path: "/email", dataClass: "contact", count: 1 }],
      dropped: 0,
      undeclared: 1,
      truncation: null,
      bytes: Buffer.byteLength(body),
      canaries: 0,
    });
  });

  it("reads JSON that the connector sent as bytes", () => {
    const raw = answer(base64('{"id":1}'), { encoding: "base64" });
    expect(finishJson(raw)).toMatchObject({ ok: true, truncation: null, bytes: 8 });
  });

  it.each([
    ["no JSON", "<html>canary</html>"],
    ["nothing", ""],
    ["a duplicate key", '{"id":1,"id":2}'],
    ["a prototype", '{"id":1,"__proto__":{}}'],
    ["a number past 2^53", '{"id":9007199254740993}'],
    ["a value of another type", '{"id":"canary"}'],
    ["a withheld value of another type", '{"id":1,"email":["canary"]}'],
    ["text in pieces", '{"id":1}{"id":1}'],
  ])("refuses %s and shows none of it", (_, body) => {
    expect(finishJson(answer(body))).toEqual({ ok: false, code: "output_invalid" });
  });

  it("refuses bytes that are not UTF-8, or not base64", () => {
    const bytes = base64(Uint8Array.of(0x22, 0xff, 0x22));
    expect(finishJson(answer(bytes, { encoding: "base64" }))).toEqual({
      ok: false,
      code: "output_invalid",
    });
    expect(finishJson(answer("!!", { encoding: "base64" }))).toEqual({
      ok: false,
      code: "output_invalid",
    });
  });

  it("shows nothing where nothing may be disclosed", () => {
    expect(finishJson(answer('{"id":1}'), {})).toEqual({ ok: false, code: "internal_error" });
  });

  it("says that a result is too large, not invalid, when it would grow without bound", () => {
    const wide: AnnotatedSchema = {
      type: "object",
      properties: {
        rows: {
          type: "array",
          items: {
            type: "object",
            dataClass: "contact",
            properties: {
              id: { type: "integer", dataClass: "ticket" },
              ...Object.fromEntries(
                Array.from({ length: 300 }, (_, index) => [
                  `f${index}`,
                  { type: "string" } as const,
                ]),
              ),
            },
          },
        },
      },
    };
    const body = JSON.stringify({ rows: Array.from({ length: 10_000 }, () => ({})) });
    const finisher = compileFinisher(
      { kind: "json", schema: wide },
      classify(wide),
      limited(1_000_000),
    );
    expect(finisher(answer(body), PLAN)).toEqual({ ok: false, code: "response_too_large" });
  });
});

describe("finishing any answer", () => {
  it.each([
    [200, null],
    [201, null],
    [299, null],
    [301, "upstream_rejected"],
    [400, "upstream_rejected"],
    [404, "upstream_rejected"],
    [499, "upstream_rejected"],
    [500, "upstream_error"],
    [503, "upstream_error"],
    [199, "upstream_error"],
    [0, "upstream_error"],
    [Number.NaN, "upstream_error"],
  ])("reads status %i", (status, code) => {
    const finished = finishJson(answer('{"id":1,"error":"canary"}', { status }));
    expect(finished).toEqual(
      code === null ? finishJson(answer('{"id":1,"error":"canary"}')) : { ok: false, code, status },
    );
  });

  it("holds a connector to the tool's cap, in bytes, at the limit and one past it", () => {
    expect(finish("text", answer("x".repeat(CAP)))).toMatchObject({ ok: true, bytes: CAP });
    expect(finish("text", answer("x".repeat(CAP + 1)))).toEqual({
      ok: false,
      code: "response_too_large",
    });
    expect(finish("text", answer("é".repeat(CAP / 2 + 1)))).toMatchObject({ ok: false });
    const bytes = base64(new Uint8Array(CAP));
    expect(finish("binary", answer(bytes, { encoding: "base64" }))).toMatchObject({
      ok: true,
      bytes: CAP,
    });
  });
});

describe("finishing an opaque answer", () => {
  it.each([
    ["text/plain; charset=utf-8", "text/plain"],
    ["TEXT/HTML", "text/html"],
    ["application/json", "application/json"],
    ["application/problem+json", "application/problem+json"],
    ["image/svg+xml", null],
    ["image/png", null],
    ["application/octet-stream", null],
    ["", "text/plain"],
    ["text/plain\r\nx: y", "text/plain"],
    ["text/\u202eplain", "text/plain"],
  ])("takes %j as text of type %s", (contentType, expected) => {
    expect(finish("text", answer("hallo", { contentType }))).toEqual(
      expected === null
        ? { ok: false, code: "output_invalid" }
        : {
            ok: true,
            result: { kind: "text", contentType: expected, text: "hallo" },
            redactions: [],
            counts: [],
            dropped: 0,
            undeclared: 0,
            canaries: 0,
            truncation: null,
            bytes: 5,
          },
    );
  });

  it("delivers bytes as base64, whichever way they came", () => {
    const contentType = "image/png";
    const result = { kind: "binary", contentType, base64: base64("abc") };
    expect(finish("binary", answer("abc", { contentType }))).toMatchObject({ result });
    const raw = answer(base64("abc"), { contentType, encoding: "base64" });
    expect(finish("binary", raw)).toMatchObject({ result });
    expect(finish("binary", { ...raw, contentType: "???" })).toMatchObject({
      result: { contentType: "application/octet-stream" },
    });
  });

  it.each(["YWJ", "YW Jj", "YWJj\n", "YWI=YWI=", "YWJ="])(
    "refuses base64 that two readers read differently: %j",
    (body) => {
      expect(finish("binary", answer(body, { encoding: "base64" }))).toEqual({
        ok: false,
        code: "output_invalid",
      });
    },
  );

  it("refuses text that is not UTF-8", () => {
    const bytes = base64(Uint8Array.of(0x61, 0xff));
    expect(finish("text", answer(bytes, { encoding: "base64" }))).toEqual({
      ok: false,
      code: "output_invalid",
    });
  });

  it("refuses text with half a surrogate pair", () => {
    expect(finish("text", answer("\ud800"))).toEqual({ ok: false, code: "output_invalid" });
    expect(finish("binary", answer("\ud800"))).toEqual({ ok: false, code: "output_invalid" });
  });

  it.each(["text", "binary", "mcp-content"] as const)(
    "shows no %s of a class that is denied or unknown",
    (kind) => {
      const body = '{"content":[]}';
      for (const plan of [{}, { ticket: { allow: false, ruleIds: ["no"] } }]) {
        expect(finish(kind, answer(body), plan)).toEqual({ ok: false, code: "internal_error" });
      }
      expect(finish(kind, answer(body))).toMatchObject({ ok: true });
    },
  );
});

describe("finishing MCP content", () => {
  it("passes content blocks and no further copy of them", () => {
    const content = [{ type: "text", text: "hallo", _meta: { x: 1 } }];
    const body = JSON.stringify({ content, structuredContent: { secret: 1 }, isError: false });
    expect(finish("mcp-content", answer(body))).toMatchObject({
      ok: true,
      result: { kind: "mcp", content: [{ type: "text", text: "hallo" }] },
      undeclared: 2,
    });
  });

  it("takes the tool's own error as a rejection, without its text", () => {
    const body = JSON.stringify({ content: [{ type: "text", text: "canary" }], isError: true });
    expect(finish("mcp-content", answer(body))).toEqual({ ok: false, code: "upstream_rejected" });
  });

  it("refuses what is no tool result", () => {
    for (const body of [
      "[]",
      "{}",
      '{"content":{}}',
      '{"content":[1]}',
      '{"content":[],"isError":"no"}',
      "x",
    ]) {
      expect(finish("mcp-content", answer(body))).toEqual({ ok: false, code: "output_invalid" });
    }
  });
});

describe("a result of an MCP server under a schema", () => {
  const finishMcp = (body: object): Finished =>
    compileFinisher(
      { kind: "json", schema: SCHEMA },
      classify(SCHEMA),
      LIMITS,
      true,
    )(answer(JSON.stringify(body)), PLAN);

  it("is its structured content, redacted; the text beside it is a copy, and stays out", () => {
    const value = { id: 1, email: "ada@acme.example" };
    const content = [{ type: "text", text: JSON.stringify(value) }];
    const finished = finishMcp({ content, structuredContent: value });
    expect(finished).toMatchObject({
      ok: true,
      result: { kind: "json", value: { id: 1, email: null } },
    });
    expect(JSON.stringify(finished)).not.toContain("ada@");
  });

  it.each([
    [{ content: [] }],
    [{ content: [], structuredContent: [] }],
    [{ content: [], structuredContent: { id: "1" } }],
    [[]],
  ])("is none where there is none: %j", (body) => {
    expect(finishMcp(body)).toEqual({ ok: false, code: "output_invalid" });
  });
});
