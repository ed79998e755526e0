import { describe, expect, it } from "vitest";
import type { Outcome } from "../../core/model/outcome.ts";
import { toToolResult } from "./outcome.ts";

const denied: Outcome = {
  outcome: "policy_denied",
  call: "call_1",
  reason: {
    code: "action_denied",
    policyClass: "action",
    ruleIds: ["default:action"],
    policyVersion: "ab".repeat(32),
    message: "This agent may not do this with this tool.",
  },
  remedy: "Choose another tool.",
};

describe("a JSON result", () => {
  const ok: Outcome = {
    outcome: "ok",
    call: "call_1",
    result: { kind: "json", value: { rows: [{ id: 1 }] } },
  };

  it("is structured content, the same as text, and the outcome object without the result", () => {
    expect(toToolResult(ok, true)).toEqual({
      content: [{ type: "text", text: '{"rows":[{"id":1}]}' }],
      structuredContent: { rows: [{ id: 1 }] },
      _meta: { "dev.postern/outcome": { outcome: "ok", call: "call_1" } },
    });
  });

  it("says in words what a partial result withholds", () => {
    const partial: Outcome = {
      outcome: "partial_result",
      call: "call_1",
      result: { kind: "json", value: { rows: [{ card: null }] } },
      redactions: [
        {
          path: "/rows/0/card",
          dataClass: "payment.card",
          ruleIds: ["no-cards"],
          transform: "null",
        },
      ],
      dropped: 2,
      truncated: true,
      truncation: {
        places: [
          { path: "/rows", unit: "items", kept: 1, of: 9 },
          { path: "/more", unit: "items", kept: 0 },
        ],
        maxBytes: 30,
        bytes: 270,
        arguments: ["page", "per_page"],
        advice: "Ask for the rest with the arguments named.",
      },
    };
    const { result: _result, ...contract } = partial;
    expect(toToolResult(partial, true)).toEqual({
      content: [
        { type: "text", text: '{"rows":[{"card":null}]}' },
        {
          type: "text",
          text:
            "partial_result: what is payment.card was withheld and is null (rules: no-cards); " +
            "2 records were left out; /rows was cut after 1 of 9 items; /more was cut after 0 items. " +
            "Go on with what is here. Ask for the rest with the arguments named. (page, per_page)",
        },
      ],
      structuredContent: { rows: [{ card: null }] },
      _meta: { "dev.postern/outcome": contract },
    });
  });
});

describe("an opaque result", () => {
  const contract = { outcome: "ok", call: "call_1" };
  const rest = { structuredContent: contract, _meta: { "dev.postern/outcome": contract } };
  const given = (result: Extract<Outcome, { outcome: "ok" }>["result"]): unknown =>
    toToolResult({ outcome: "ok", call: "call_1", result }, false);

  it("is a text block for text", () => {
    expect(given({ kind: "text", contentType: "text/csv", text: "a;b" })).toEqual({
      content: [{ type: "text", text: "a;b" }],
      ...rest,
    });
  });

  it.each([
    ["image/PNG; q=1", { type: "image", data: "AA==", mimeType: "image/png" }],
    ["audio/wav", { type: "audio", data: "AA==", mimeType: "audio/wav" }],
    [
      "application/pdf",
      {
        type: "resource",
        resource: { uri: "urn:postern:call_1", mimeType: "application/pdf", blob: "AA==" },
      },
    ],
  ])("is the block of its media type for %s", (contentType, block) => {
    expect(given({ kind: "binary", contentType, base64: "AA==" })).toEqual({
      content: [block],
      ...rest,
    });
  });

  it("passes MCP content through, and shows a block that is none as text", () => {
    const image = { type: "image", data: "AA==", mimeType: "image/png" };
    const content = [{ type: "text", text: "hello" }, image, { type: "script", run: "x" }];
    expect(given({ kind: "mcp", content })).toEqual({
      content: [
        { type: "text", text: "hello" },
        image,
        { type: "text", text: '{"type":"script","run":"x"}' },
      ],
      ...rest,
    });
  });
});

describe("an outcome without a result", () => {
  it("is an error that names code, rules and what to do", () => {
    expect(toToolResult(denied, false)).toEqual({
      content: [
        {
          type: "text",
          text:
            "policy_denied action_denied: This agent may not do this with this tool. " +
            "Rules: default:action. Choose another tool.",
        },
      ],
      isError: true,
      structuredContent: denied,
      _meta: { "dev.postern/outcome": denied },
    });
  });

  it("never breaks the output schema of a tool that has one", () => {
    expect(toToolResult(denied, true)).not.toHaveProperty("structuredContent");
    expect(toToolResult(denied, true)._meta).toEqual({ "dev.postern/outcome": denied });
  });

  it("tells of a failure where it lies and when to try again", () => {
    const failed: Outcome = {
      outcome: "failed",
      call: "call_1",
      reason: {
        kind: "schema",
        code: "invalid_arguments",
        message: "Wrong arguments.",
        at: ["", "/customerId"],
      },
      retryable: false,
    };
    expect(toToolResult(failed, true)).toEqual({
      content: [
        {
          type: "text",
          text: "failed invalid_arguments: Wrong arguments. At: (arguments), /customerId.",
        },
      ],
      isError: true,
      _meta: { "dev.postern/outcome": failed },
    });
    const busy: Outcome = {
      outcome: "failed",
      call: "call_1",
      reason: { kind: "upstream", code: "upstream_error", message: "It failed.", status: 503 },
      retryable: true,
      retryAfter: 7,
    };
    expect(toToolResult(busy, true).content).toEqual([
      {
        type: "text",
        text:
          "failed upstream_error: It failed. The service answered 503. " +
          "The same call may be sent again after 7 s.",
      },
    ]);
  });

  it("warns of repeating a change whose outcome is unknown", () => {
    const unknown: Outcome = {
      outcome: "outcome_unknown",
      call: "call_1",
      reason: { kind: "network", code: "connector_lost", message: "Lost." },
      reconcile: "/acme/v1/workflows/wf_1/calls/call_1",
    };
    expect(toToolResult(unknown, false)).toEqual({
      content: [
        {
          type: "text",
          text:
            "outcome_unknown connector_lost: Lost. The effect may have happened. Do not send the " +
            "call again; ask /acme/v1/workflows/wf_1/calls/call_1 later.",
        },
      ],
      isError: true,
      structuredContent: unknown,
      _meta: { "dev.postern/outcome": unknown },
    });
  });
});
