import { describe, expect, it } from "vitest";
import { company } from "../billing/company.ts";
import type { CaseRun } from "./case.ts";
import type { Evidence } from "./evidence.ts";
import { differences, EXPECTED } from "./expected.ts";

const good: CaseRun = {
  tools: [],
  rows: EXPECTED.map((row) => ({ ...row, ms: 1, call: "call_1" })),
  seen: "[]",
};
const sound: Evidence = {
  workflow: "wf_1",
  findings: [],
  events: 36,
  replay: { identical: true, events: 29 },
};
const rowsWith = (at: number, change: object): CaseRun => ({
  ...good,
  rows: good.rows.map((row, index) => (index === at ? { ...row, ...change } : row)),
});

describe("the assertions of --once", () => {
  it("are content with the case as it should be", () => {
    expect(differences(good, sound)).toEqual([]);
  });

  it.each([
    [
      "an outcome",
      rowsWith(3, { outcome: "ok" }),
      "read the payroll: outcome is ok, not policy_denied",
    ],
    [
      "a rule",
      rowsWith(3, { ruleIds: ["other"] }),
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
      rowsWith(5, { outcome: "accepted" }),
      "a thief replays the call token: outcome is accepted, not refused",
    ],
    ["the end", { ...good, rows: good.rows.slice(0, -1) }, "did not happen: look again, 10"],
  ] satisfies [string, CaseRun, string][])("notice %s", (_, run, said) => {
    expect(differences(run, sound)).toEqual([said]);
  });

  it("notice a value that came through although it was announced as redacted", () => {
    const [customer] = company().customers;
    for (const secret of [customer?.email, customer?.card_number, customer?.iban, "litigation"]) {
      const run = { ...good, seen: JSON.stringify([{ note: `x ${secret} y` }]) };
      expect(differences(run, sound)).toHaveLength(1);
    }
  });

  it.each([
    ["a broken chain", { ...sound, findings: [{ fault: "hash" }] }],
    ["another decision on replay", { ...sound, replay: { identical: false, events: 29 } }],
    ["an event too few", { ...sound, replay: { identical: true, events: 28 } }],
    ["an event too many", { ...sound, replay: { identical: true, events: 30 } }],
  ])("notice %s", (_, evidence) => {
    expect(differences(good, evidence)).toHaveLength(1);
  });
});
