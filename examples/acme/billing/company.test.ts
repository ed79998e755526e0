import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CASE_CUSTOMER, company } from "./company.ts";
import { isIban, isLuhn } from "./numbers.ts";

describe("the company", () => {
  it("is the same every time, to the byte", () => {
    const digest = createHash("sha256").update(JSON.stringify(company())).digest("hex");
    expect(digest).toBe("bd91d39ba5bbd0467957e0246b37aa1f8b7b1f9a7a11e67918022de6886eb384");
  });

  it("has more than ten thousand rows", () => {
    const counts = Object.values(company()).map((rows) => rows.length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10_000);
  });

  it("has card numbers and IBANs whose check digits are right", () => {
    const { customers, payments, payroll } = company();
    const cards = [...customers, ...payments].map((row) => row.card_number);
    const accounts = [...customers, ...payments, ...payroll].map((row) => row.iban);
    expect(cards.filter((card) => card !== null && !isLuhn(card))).toEqual([]);
    expect(accounts.filter((account) => account !== null && !isIban(account))).toEqual([]);
    expect(isLuhn("4111111111111112")).toBe(false);
    expect(isIban("DE00999999990000000000")).toBe(false);
  });

  it("has one customer for the case, with one invoice before a court", () => {
    const { customers, invoices } = company();
    const found = customers.filter((customer) => customer.name === CASE_CUSTOMER);
    expect(found.map((customer) => customer.id)).toEqual(["cus_000001"]);
    const theirs = invoices.filter((invoice) => invoice.customer_id === "cus_000001");
    expect(theirs.map((invoice) => invoice.status)).toEqual(["paid", "overdue", "litigation"]);
  });

  it("charges what the lines of an invoice add up to", () => {
    const wrong = company().invoices.filter(
      (invoice) =>
        invoice.total_cents !==
        invoice.lines.reduce((sum, line) => sum + line.quantity * line.unitCents, 0),
    );
    expect(wrong).toEqual([]);
  });
});
