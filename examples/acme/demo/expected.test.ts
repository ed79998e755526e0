import { describe, expect, it } from "vitest";
import { company } from "../billing/company.ts";
import type { CaseRun } from "./case.ts";
import type { Evidence } from "./evidence.ts";
import { differences, EXPECTED, EXPECTED_WRITES } from "./expected.ts";

/** Rows of the case in which a connector dies; the writes come behind them. */
const READS = 12;
const good: CaseRun = {
  tools: [],
  rows: EXPECTED.map((row) => ({ ...row, ms: 1, call: "call_1" })),
  seen: "[]",
};
const written = EXPECTED_WRITES.map((row) => ({ ...row, ms: 1, call: "call_1" }));
const sound: Evidence = {
  workflow: "wf_1",
  findings: [],
  events: 36,
  replay: { identical: true, events: 30 },
};
const rowsWith = (at: number, change: object): CaseRun => ({
  ...good,
  rows: good.rows.map((row, index) => (index === at ? { ...row, ...change } : row)),
});

describe("the assertions of --once", () => {
  it("are content with the case as it should be", () => {
    expect(differences(good, written, sound)).toEqual([]);
  });

  it.each([
    [
      "an outcome",
      rowsWith(7, { outcome: "ok" }),
      "read the payroll: outcome is ok, not policy_denied",
    ],
    [
      "a rule",
      rowsWith(7, { ruleIds: ["other"] }),
      "read the payroll: ruleIds is other, not payroll-is-off-limits",
    ],
    [
      "a rule too many",
      rowsWith(0, { ruleIds: ["other"] }),
      "find the customer: ruleIds is other, not nothing",
    ],
    ["a dropped record", rowsWith(1, { dropped: 0 }), "read the invoices: dropped is 0, not 1"],
    [
      "a redaction",
      rowsWith(1, { redactions: EXPECTED[1]?.redactions.slice(1) }),
      "read the invoices: redactions is nothing, not /rows/0/contactEmail customer.contact contact-details-stay-home",
    ],
    [
      "the thief",
      rowsWith(9, { outcome: "accepted" }),
      "a thief replays the call token: outcome is accepted, not refused",
    ],
    ["the end", { ...good, rows: good.rows.slice(0, -1) }, "did not happen: look again, 7"],
  ] satisfies [string, CaseRun, string][])("notice %s", (_, run, said) => {
    expect(differences(run, written, sound)).toEqual([said]);
  });

  it.each([
    ["a read that went with its connector", -10, { outcome: "failed" }, "read on, 3"],
    ["a refund that went through unasked", 4, { outcome: "failed" }, "refund 10.00: outcome"],
    ["another change than the one shown", 2, { change: ["/rows/0/id 1 → 2"] }, "ask to refund"],
    ["a stale approval that was carried out", 10, { outcome: "ok" }, "refund 20.00"],
    ["another row than the one shown", 11, { change: [] }, "ask to give more time"],
    ["a write of its own that was not done", 13, { outcome: "failed" }, "give more time: outcome"],
    ["a write that no human can allow", 14, { outcome: "ok" }, "write that it is paid: outcome"],
    ["a call after the kill", 16, { outcome: "ok", code: null, ruleIds: [] }, "go on after"],
    ["a sub-agent that sees more", 19, { redactions: [] }, "checker reads the invoices"],
    ["a sub-agent that changes something", 20, { outcome: "ok" }, "checker tries a refund"],
    ["a sub-agent without a cap", 22, { outcome: "ok" }, "checker reads too often"],
    ["a second critical system", 24, { outcome: "ok", code: null, ruleIds: [] }, "deploy from"],
  ])("notice %s", (_, at, change, said) => {
    const other = written.map((row, index) => (index === READS + at ? { ...row, ...change } : row));
    const found = differences(good, other, sound);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((one) => one.startsWith(said))).toBe(true);
  });

  it("notice a value that came through although it was announced as redacted", () => {
    const [customer] = company().customers;
    for (const secret of [customer?.email, customer?.card_number, customer?.iban, "litigation"]) {
      const run = { ...good, seen: JSON.stringify([{ note: `x ${secret} y` }]) };
      expect(differences(run, written, sound)).toHaveLength(1);
    }
  });

  it.each([
    ["a broken chain", { ...sound, findings: [{ fault: "hash" }] }],
    ["another decision on replay", { ...sound, replay: { identical: false, events: 30 } }],
    ["an event too few", { ...sound, replay: { identical: true, events: 29 } }],
    ["an event too many", { ...sound, replay: { identical: true, events: 31 } }],
  ])("notice %s", (_, evidence) => {
    expect(differences(good, written, evidence)).toHaveLength(1);
  });
});
