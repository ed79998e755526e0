import { describe, expect, it } from "vitest";
import { previewDigest, type Operation } from "../core/model/operation.ts";
import { sha256 } from "./allow.ts";
import { MISFITS, misfitOf } from "./fit.ts";

const seal = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
const digest = previewDigest(sha256, seal);
const observe = { statement: "select 1", params: [], ignore: [] };

function http(method: string): Operation {
  return { http: { method, destination: "x", path: "/", query: "", contentDigest: null } };
}
function sql(mode: "read" | "write", observed: boolean): Operation {
  const of = { destination: "x", statement: "s", params: [], mode, maxRows: 1 };
  return { sql: { ...of, ...(observed && { observe }) } };
}
const PLACE = { network: "acme", tier: "internal" } as const;
const token = (change: object = {}) =>
  ({ ...PLACE, call: "call_1", mode: "execute", preview: null, lock_epoch: 4, ...change }) as const;
const idempotencyKey = null;

describe("what a token is good for", () => {
  it("is to execute anything, sealed by exactly what was approved", () => {
    for (const operation of [http("POST"), http("GET"), sql("write", true), sql("read", false)]) {
      expect(misfitOf(token(), { operation, preview: null, idempotencyKey }, 4, PLACE)).toBeNull();
      expect(
        misfitOf(
          token({ preview: digest }),
          { operation, preview: seal, idempotencyKey },
          4,
          PLACE,
        ),
      ).toBeNull();
      expect(
        misfitOf(
          token({ preview: digest }),
          { operation, preview: null, idempotencyKey },
          4,
          PLACE,
        ),
      ).toBe("preview_mismatch");
      expect(misfitOf(token(), { operation, preview: seal, idempotencyKey }, 4, PLACE)).toBe(
        "preview_mismatch",
      );
    }
  });

  it.each([
    ["a GET", http("GET"), null],
    ["a HEAD", http("HEAD"), null],
    ["an observed write", sql("write", true), null],
    ["a POST", http("POST"), "preview_refused"],
    ["a DELETE", http("DELETE"), "preview_refused"],
    ["an OPTIONS", http("OPTIONS"), "preview_refused"],
    ["a write nobody observes", sql("write", false), "preview_refused"],
    ["a read", sql("read", false), "preview_refused"],
    ["an observed read", sql("read", true), "preview_refused"],
  ])("is to preview, for %s: %#", (_name, operation, misfit) => {
    expect(
      misfitOf(token({ mode: "preview" }), { operation, preview: null, idempotencyKey }, 4, PLACE),
    ).toBe(misfit);
    const sealed = token({ mode: "preview", preview: digest });
    expect(misfitOf(sealed, { operation, preview: seal, idempotencyKey }, 4, PLACE)).toBe(
      "preview_refused",
    );
  });

  it("covers no key but the call's own: under another the service would act once more", () => {
    const frame = { operation: http("POST"), preview: null };
    expect(misfitOf(token(), { ...frame, idempotencyKey: "call_1" }, 4, PLACE)).toBeNull();
    for (const key of ["call_2", "call_1 ", "CALL_1", ""]) {
      expect(misfitOf(token(), { ...frame, idempotencyKey: key }, 4, PLACE)).toBe(
        "idempotency_mismatch",
      );
    }
  });

  it("ends with the next lock", () => {
    const frame = { operation: http("GET"), preview: null, idempotencyKey };
    expect(misfitOf(token(), frame, 3, PLACE)).toBeNull();
    expect(misfitOf(token(), frame, 5, PLACE)).toBe("lock_epoch_passed");
  });

  it("is served in one network and tier, neither below nor above", () => {
    const frame = { operation: http("GET"), preview: null, idempotencyKey };
    for (const tier of ["public", "internal", "confidential", "critical"] as const) {
      const misfit = tier === "internal" ? null : "tier_mismatch";
      expect(misfitOf(token({ tier }), frame, 4, PLACE)).toBe(misfit);
    }
    for (const network of ["office", "Acme", "acme ", ""]) {
      expect(misfitOf(token({ network }), frame, 4, PLACE)).toBe("network_mismatch");
    }
  });

  it("is said in these words, which stand in logs", () => {
    expect(MISFITS).toEqual([
      "network_mismatch",
      "tier_mismatch",
      "preview_mismatch",
      "preview_refused",
      "idempotency_mismatch",
      "lock_epoch_passed",
    ]);
  });
});
