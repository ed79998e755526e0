import { describe, expect, it } from "vitest";
import { DENIALS, FAILURE_MESSAGES, UNKNOWN_MESSAGE } from "../core/model/outcome-message.ts";
import { FAILURES, type FailureCode, POLICY_CODES } from "../core/model/outcome.ts";
import { refusalOutcome, settledOutcome } from "./outcomes.ts";
import type { Finished } from "./ports.ts";

const CODES = Object.keys(FAILURES) as FailureCode[];
const LINK = "/acme/v1/workflows/wf_1/calls/call_1";
const TRUNCATION = {
  places: [{ path: "/rows", unit: "items", kept: 2, of: 5 }],
  maxBytes: 17,
  bytes: 40,
  arguments: ["page"],
  advice: "Ask for the rest.",
} as const;
const FINISHED: Extract<Finished, { ok: true }> = {
  ok: true,
  result: { kind: "json", value: { secret: "canary" } },
  redactions: [
    { path: "/email", dataClass: "customer.contact", ruleIds: ["no-contact"], transform: "null" },
  ],
  counts: [{ path: "/email", dataClass: "customer.contact", count: 1 }],
  dropped: 2,
  undeclared: 1,
  truncation: TRUNCATION,
  bytes: 17,
  canaries: 0,
};
const settled = { kind: "settled", ruleIds: [], policyVersion: "v1" } as const;

describe("a refusal", () => {
  it.each(POLICY_CODES)("%s becomes policy_denied with words and rules", (code) => {
    const result = { kind: "denied", code, policyClass: "data", ruleIds: ["a", "b"] } as const;
    expect(refusalOutcome("call_1", "v1", result)).toEqual({
      outcome: "policy_denied",
      call: "call_1",
      reason: {
        code,
        policyClass: "data",
        ruleIds: ["a", "b"],
        policyVersion: "v1",
        message: DENIALS[code].message,
      },
      remedy: DENIALS[code].remedy,
    });
  });

  it("names no class where none denied", () => {
    const result = {
      kind: "denied",
      code: "locked",
      policyClass: null,
      ruleIds: ["lock:1"],
    } as const;
    expect(refusalOutcome("call_1", "v1", result)).not.toHaveProperty("reason.policyClass");
  });

  it.each(CODES)("%s becomes failed, retryable as its code says", (code) => {
    expect(refusalOutcome("call_1", "v1", { kind: "failed", code })).toEqual({
      outcome: "failed",
      call: "call_1",
      reason: { kind: FAILURES[code].kind, code, message: FAILURE_MESSAGES[code] },
      retryable: FAILURES[code].retryable,
    });
  });

  it("tells whole seconds to wait, at least one", () => {
    const wait = (retryAfterMs: number): unknown =>
      refusalOutcome("call_1", "v1", { kind: "failed", code: "busy", retryAfterMs });
    expect(wait(1)).toMatchObject({ retryAfter: 1 });
    expect(wait(0)).toMatchObject({ retryAfter: 1 });
    expect(wait(59_001)).toMatchObject({ retryAfter: 60 });
  });

  it("points at arguments only where they are the reason", () => {
    const fault = { at: ["/limit"], why: { code: "whole_row", fix: "Name the columns." } };
    const of = (code: FailureCode): unknown =>
      refusalOutcome("call_1", "v1", { kind: "failed", code }, fault);
    expect(of("invalid_arguments")).toMatchObject({ reason: fault });
    expect(of("locks_unavailable")).not.toHaveProperty("reason.at");
    expect(of("locks_unavailable")).not.toHaveProperty("reason.why");
  });
});

describe("an end", () => {
  it("ok carries the result and nothing else", () => {
    const result = { ...settled, outcome: "ok", code: null } as const;
    expect(settledOutcome("call_1", result, FINISHED, LINK)).toEqual({
      outcome: "ok",
      call: "call_1",
      result: { kind: "json", value: { secret: "canary" } },
    });
  });

  it("partial_result says what is missing", () => {
    const result = { ...settled, outcome: "partial_result", code: null } as const;
    expect(settledOutcome("call_1", result, FINISHED, LINK)).toEqual({
      outcome: "partial_result",
      call: "call_1",
      result: { kind: "json", value: { secret: "canary" } },
      redactions: FINISHED.redactions,
      dropped: 2,
      truncated: true,
      truncation: TRUNCATION,
    });
  });

  it.each(["ok", "partial_result"] as const)("%s without a result is our failure", (outcome) => {
    const result = { ...settled, outcome, code: null };
    for (const finished of [null, { ok: false, code: "output_invalid" }] as const) {
      expect(settledOutcome("call_1", result, finished, LINK)).toMatchObject({
        outcome: "failed",
        reason: { code: "internal_error" },
        retryable: false,
      });
    }
  });

  it.each([
    { ...settled, outcome: "policy_denied", code: "locked", ruleIds: ["lock:1"] },
    { ...settled, outcome: "failed", code: "interrupted" },
    { ...settled, outcome: "outcome_unknown", code: "interrupted", ruleIds: ["lock:1"] },
  ] as const)("$outcome withholds a result that is there", (result) => {
    expect(JSON.stringify(settledOutcome("call_1", result, FINISHED, LINK))).not.toContain(
      "canary",
    );
  });

  it("outcome_unknown says where to ask", () => {
    const result = { ...settled, outcome: "outcome_unknown", code: "deadline_exceeded" } as const;
    expect(settledOutcome("call_1", result, null, LINK, { status: 504 })).toEqual({
      outcome: "outcome_unknown",
      call: "call_1",
      reason: {
        kind: "timeout",
        code: "deadline_exceeded",
        message: UNKNOWN_MESSAGE,
        status: 504,
      },
      reconcile: LINK,
    });
  });

  it("outcome_unknown never tells an agent to try again, nor that nothing was done", () => {
    const codes = Object.keys(FAILURES) as (keyof typeof FAILURES)[];
    for (const code of codes) {
      const result = { ...settled, outcome: "outcome_unknown", code } as const;
      const told = settledOutcome("call_1", result, null, LINK);
      expect(told).toHaveProperty("reason.message", UNKNOWN_MESSAGE);
    }
  });

  it("failed carries the status of the service, where it gave one", () => {
    const result = { ...settled, outcome: "failed", code: "upstream_error" } as const;
    const told = settledOutcome("call_1", result, null, LINK, { status: 500 });
    expect(told).toHaveProperty("reason.status", 500);
    expect(settledOutcome("call_1", result, null, LINK)).not.toHaveProperty("reason.status");
  });

  it("failed says when to come again, in whole seconds, where somebody knew", () => {
    const result = { ...settled, outcome: "failed", code: "connection_refused" } as const;
    for (const [retryAfterMs, seconds] of [
      [1, 1],
      [1_000, 1],
      [1_001, 2],
    ] as const) {
      const told = settledOutcome("call_1", result, null, LINK, { retryAfterMs });
      expect(told).toMatchObject({ retryable: true, retryAfter: seconds });
    }
    expect(settledOutcome("call_1", result, null, LINK)).not.toHaveProperty("retryAfter");
    const unknown = { ...settled, outcome: "outcome_unknown", code: "deadline_exceeded" } as const;
    const told = settledOutcome("call_1", unknown, null, LINK, { retryAfterMs: 1 });
    expect(told).not.toHaveProperty("retryAfter");
  });
});
