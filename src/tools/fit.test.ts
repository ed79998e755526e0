import { describe, expect, it } from "vitest";
import type { Finished, RawAnswer } from "../gateway/ports.ts";
import type { AnnotatedSchema, OutputDescription } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { compileFinisher } from "./finish.ts";
import { toolRuntime } from "./runtime.ts";
import { answerOf, limited, planOf, sha256, sqlOf, toolOf } from "./tools.test-support.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  properties: {
    rows: {
      type: "array",
      items: {
        type: "object",
        dataClass: "ticket",
        records: [{ dataClass: "secret", when: { properties: { n: { const: 0 } } } }],
        properties: { n: { type: "integer" }, email: { type: "string", dataClass: "contact" } },
        required: ["n"],
      },
    },
  },
  required: ["rows"],
};
const PLAN = planOf(["ticket"], ["contact", "secret"]);
const LIMITS = limited(100, { maxAnswerBytes: 1_000, paging: ["page"] });

const rowsOf = (count: number): RawAnswer =>
  answerOf({
    rows: Array.from({ length: count }, (_, n) => ({ n, email: "a@canary.example", more: 1 })),
  });
const read = (raw: RawAnswer, limits = LIMITS): Finished =>
  compileFinisher({ kind: "json", schema: SCHEMA }, classify(SCHEMA), limits)(raw, PLAN);
const opaque = (kind: "text" | "binary" | "mcp-content", raw: RawAnswer): Finished => {
  const output: OutputDescription = { kind, dataClass: "ticket" };
  return compileFinisher(output, null, LIMITS)(raw, PLAN);
};

describe("a result above the cap of its tool", () => {
  it("is cut after it was checked and redacted, and says what is missing and how to get it", () => {
    const finished = read(rowsOf(10));
    expect(finished).toMatchObject({
      ok: true,
      result: { kind: "json", value: { rows: [1, 2, 3, 4].map((n) => ({ n, email: null })) } },
      // Of the whole answer, as the record has it; the list names what is there.
      counts: [{ path: "/rows/*/email", count: 9 }],
      dropped: 1,
      truncation: {
        places: [{ path: "/rows", unit: "items", kept: 4, of: 9 }],
        maxBytes: 100,
        arguments: ["page"],
        advice: "Part of the result was left out. Ask for the rest with the arguments named.",
      },
    });
    if (!finished.ok) throw new Error("cut");
    expect(finished.redactions.map(({ path }) => path)).toEqual(
      [0, 1, 2, 3].map((at) => `/rows/${at}/email`),
    );
    expect(finished.bytes).toBeLessThanOrEqual(100);
    expect(JSON.stringify(finished)).not.toContain("canary");
  });

  it("is looked at whole: what is wrong behind the cut withholds all of it", () => {
    const wrong = answerOf({ rows: [...Array.from({ length: 9 }, (_, n) => ({ n })), { n: "x" }] });
    expect(read(wrong)).toEqual({ ok: false, code: "output_invalid" });
  });

  it("is whole where what is left of the answer fits", () => {
    const answer = rowsOf(5);
    expect(answer.body.length).toBeGreaterThan(100);
    expect(read(answer)).toMatchObject({ truncation: null, bytes: answer.body.length });
  });

  it("is none where the service sent more than anybody reads, at the limit and one past it", () => {
    const padded = (bytes: number): RawAnswer =>
      answerOf({}, { body: '{"rows":[]}'.padEnd(bytes) });
    expect(read(padded(1_000))).toMatchObject({ ok: true, truncation: null });
    expect(read(padded(1_001))).toEqual({ ok: false, code: "response_too_large" });
  });

  it("counts the nulls that stand for what was not even there", () => {
    const finished = read(answerOf({ rows: Array.from({ length: 9 }, () => ({ n: 1 })) }));
    expect(finished).toMatchObject({ truncation: { places: [{ kept: 4, of: 9 }] } });
  });

  it.each([
    ["text/plain", "line 1\n".repeat(30), "line 1\n".repeat(14)],
    ["text/csv; charset=utf-8", `${"a,b\n".repeat(24)}${"c".repeat(20)}`, "a,b\n".repeat(24)],
  ])("of %s ends after a whole line", (contentType, body, kept) => {
    expect(opaque("text", answerOf({}, { contentType, body }))).toMatchObject({
      result: { text: kept },
      truncation: {
        places: [{ path: "", unit: "bytes", kept: kept.length, of: body.length }],
        bytes: body.length,
      },
    });
  });

  it.each(["application/json", "text/json", "application/xml", "text/html"])(
    "of %s has no beginning that would be one",
    (contentType) => {
      const body = "x".repeat(101);
      expect(opaque("text", answerOf({}, { contentType, body }))).toEqual({
        ...{ ok: false, code: "response_too_large" },
      });
    },
  );

  it("of bytes has none either", () => {
    const body = "x".repeat(101);
    const picture = answerOf({}, { contentType: "image/png", body });
    expect(opaque("binary", picture)).toEqual({ ok: false, code: "response_too_large" });
  });

  it("of MCP blocks loses whole ones", () => {
    const content = Array.from({ length: 5 }, (_, n) => ({ type: "text", text: `block ${n}` }));
    expect(opaque("mcp-content", answerOf({ content }))).toMatchObject({
      result: { kind: "mcp", content: content.slice(0, 3) },
      truncation: { places: [{ path: "", unit: "items", kept: 3, of: 5 }] },
    });
  });
});

describe("rows that a connector stopped reading", () => {
  it("are counted as they are; how many there would be, nobody knows", () => {
    const answer = { ...rowsOf(2), truncated: true };
    expect(read(answer)).toMatchObject({
      dropped: 1,
      truncation: { places: [{ path: "/rows", unit: "items", kept: 1 }], maxBytes: 100 },
    });
    expect(read({ ...rowsOf(10), truncated: true })).toMatchObject({
      truncation: { places: [{ path: "/rows", unit: "items", kept: 4 }] },
    });
    for (const finished of [read(answer), read({ ...rowsOf(10), truncated: true })]) {
      expect(finished.ok && finished.truncation).not.toHaveProperty("bytes");
      expect(finished.ok && finished.truncation?.places[0]).not.toHaveProperty("of");
    }
  });

  it("are the only thing of which it may: half of anything else is no answer", () => {
    const text = answerOf({}, { contentType: "text/plain", body: "x", truncated: true });
    expect(opaque("text", text)).toEqual({ ok: false, code: "output_invalid" });
  });
});

describe("how much of an answer is read", () => {
  const tool = { maxResultBytes: 1_000 };
  const json: OutputDescription = { kind: "json", schema: SCHEMA };
  const asked = (over: Parameters<typeof toolOf>[0]): number =>
    toolRuntime(toolOf({ tool, ...over }), sha256).maxAnswerBytes;

  it("is four times the result, as much as the tool says, or as a frame holds", () => {
    expect(asked({ output: json })).toBe(4_000);
    expect(asked({ output: json, maxAnswerBytes: 1_500 })).toBe(1_500);
    expect(asked({ output: json, tool: { maxResultBytes: 8_000_000 } })).toBe(8_388_608);
  });

  it("is no more than the result where a result ends by itself, or has no beginning", () => {
    expect(asked({ output: { kind: "binary", dataClass: "ticket" } })).toBe(1_000);
    expect(asked({ output: json, template: sqlOf() })).toBe(1_000);
  });
});
