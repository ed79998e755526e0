import { describe, expect, it } from "vitest";
import { LOCK_TARGETS } from "./lock.ts";
import { isLockReason, LOCK_VALUES, MAX_LOCK_REASON } from "./lock-value.ts";

const HEX = "0".repeat(32);

describe("what a lock may name", () => {
  it.each([
    ["tenant", "acme"],
    ["human", HEX + HEX],
    ["agent", "support-agent"],
    ["key", "A".repeat(43)],
    ["workflow", `wf_${HEX}`],
    ["tool", "invoices_list"],
    ["destination", "billing"],
    ["connector", `con_${HEX}`],
    ["bundle", HEX + HEX],
  ] as const)("a %s: %s", (target, value) => {
    expect(LOCK_VALUES[target].test(value)).toBe(true);
    for (const wrong of ["", ` ${value}`, `${value}\n`, `${value} `, value.toUpperCase() + "_"]) {
      expect([wrong, LOCK_VALUES[target].test(wrong)]).toEqual([wrong, false]);
    }
  });

  it("has a form for every target", () => {
    expect(Object.keys(LOCK_VALUES)).toEqual([...LOCK_TARGETS]);
  });
});

describe("the reason of a lock", () => {
  it("is one line of visible text", () => {
    expect(MAX_LOCK_REASON).toBe(200);
    expect(isLockReason("Token gestohlen – Fall 12 🔥")).toBe(true);
    expect(isLockReason("x".repeat(200))).toBe(true);
    for (const wrong of [
      "",
      "   ",
      "x".repeat(201),
      "two\nlines",
      "\u001b[31m",
      "\u202edrawn backwards",
      "\ud800",
      "\u2028",
    ]) {
      expect([wrong, isLockReason(wrong)]).toEqual([wrong, false]);
    }
  });
});
