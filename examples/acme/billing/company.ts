import { Random } from "./random.ts";
import * as rows from "./rows.ts";

/** The whole company, the same on every machine: a little under 11,000 rows. */
const SEED = 20_261_101;
const CUSTOMERS = 1_500;
const INVOICES = 5_400;
const EMPLOYEES = 60;

/** Whom the support case is about. Nobody else has this name. */
export const CASE_CUSTOMER = "Marisol Vega-Okafor";

export interface Company {
  readonly customers: readonly rows.Customer[];
  readonly invoices: readonly rows.Invoice[];
  readonly payments: readonly rows.Payment[];
  readonly payroll: readonly rows.PayrollMonth[];
}

export function company(): Company {
  const random = new Random(SEED);
  const first = rows.customer(random, 1, CASE_CUSTOMER);
  const customers = [first];
  for (let number = 2; number <= CUSTOMERS; number++) {
    customers.push(rows.customer(random, number));
  }
  // The case: one invoice paid, one overdue, and one before a court that support may not see.
  const invoices = (["paid", "overdue", "litigation"] as const).map((status, index) =>
    rows.invoice(random, index + 1, first, status),
  );
  const others = customers.slice(1);
  while (invoices.length < INVOICES) {
    invoices.push(rows.invoice(random, invoices.length + 1, random.pick(others)));
  }
  const payments = invoices
    .filter((invoice) => invoice.status === "paid")
    .map((invoice, index) => rows.payment(index + 1, invoice));
  const payroll = Array.from({ length: EMPLOYEES }, (_, employee) =>
    rows.payrollYear(random, employee),
  ).flat();
  return { customers, invoices, payments, payroll };
}
