import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { rowOf, theftRow } from "./row.ts";
import { headline, lines } from "./report.ts";

const partial = rowOf({
  title: "read the invoices",
  tool: "invoices_list",
  ms: 12.345,
  result: {},
  outcome: {
    outcome: "partial_result",
    call: "call_1",
    redactions: [
      { path: "/rows/0/b", dataClass: "payment.card", ruleIds: ["r2"] },
      { path: "/rows/0/a", dataClass: "customer.contact", ruleIds: ["r1"] },
    ],
    dropped: 1,
  },
});

describe("the report", () => {
  it("says what came of a call, and below it why", () => {
    expect(stripVTControlCharacters(lines(partial)).split("\n")).toEqual([
      "read the invoices              invoices_list    partial_result             12.3",
      "  ↳ r1 · r2",
      "  ↳ 2 fields are null, 1 record is left out",
    ]);
  });

  it("fits a terminal of 80 columns", () => {
    expect(stripVTControlCharacters(headline()).length).toBeLessThan(80);
  });

  it("tells a thief who got in from one who did not", () => {
    expect(theftRow({ status: 401, code: "token_replayed", ms: 1 }).outcome).toBe("refused");
    expect(theftRow({ status: 201, code: null, ms: 1 }).outcome).toBe("accepted");
    expect(theftRow({ status: null, code: "nothing_to_steal", ms: 0 }).outcome).toBe("no attempt");
  });
});
