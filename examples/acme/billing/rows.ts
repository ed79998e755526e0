import { cardNumber, iban as ibanNumber } from "./numbers.ts";
import type { Random } from "./random.ts";
import * as words from "./words.ts";

/** One row of each table, in the database's own column names. */
export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly address: {
    readonly street: string;
    readonly city: string;
    readonly postcode: string;
    readonly country: string;
  };
  readonly plan: string;
  readonly since: string;
  readonly card_number: string;
  readonly iban: string;
}

export interface Invoice {
  readonly id: string;
  readonly customer_id: string;
  readonly issued_on: string;
  readonly due_on: string;
  readonly status: "paid" | "open" | "overdue" | "litigation";
  readonly total_cents: number;
  readonly currency: string;
  readonly payer: {
    readonly name: string;
    readonly email: string;
    /** One of the two, as the customer paid or will pay. */
    readonly card?: string;
    readonly iban?: string;
  };
  readonly lines: readonly InvoiceLine[];
  readonly refunded_cents: number;
}

export interface InvoiceLine {
  readonly description: string;
  readonly quantity: number;
  readonly unitCents: number;
  readonly orderedBy: string;
}

export interface Payment {
  readonly id: string;
  readonly invoice_id: string;
  readonly customer_id: string;
  readonly paid_on: string;
  readonly amount_cents: number;
  readonly method: "card" | "transfer";
  readonly card_number: string | null;
  readonly iban: string | null;
}

export interface PayrollMonth {
  readonly id: string;
  readonly employee: string;
  readonly month: string;
  readonly gross_cents: number;
  readonly net_cents: number;
  readonly iban: string;
}

export function customer(random: Random, number: number, name = personName(random)): Customer {
  return {
    id: numbered("cus", number),
    name,
    email: mailOf(random, name, number),
    phone: `+49 30 ${random.digits(8)}`,
    address: {
      street: `${random.pick(words.STREETS)} ${random.integer(1, 120)}`,
      ...random.pick(words.PLACES),
    },
    plan: random.pick(words.PLANS),
    since: day(random.integer(0, 900)),
    card_number: cardNumber(random),
    iban: ibanNumber(random),
  };
}

export function invoice(
  random: Random,
  number: number,
  of: Customer,
  status: Invoice["status"] = random.pick(["paid", "paid", "paid", "open", "overdue"]),
): Invoice {
  const lines = Array.from({ length: random.integer(1, 4) }, () => ({
    ...random.pick(words.PRODUCTS),
    quantity: random.integer(1, 12),
    orderedBy: of.email,
  }));
  const issued = random.integer(900, 1_600);
  const byCard = random.next() < 0.7;
  return {
    id: numbered("inv", number),
    customer_id: of.id,
    issued_on: day(issued),
    due_on: day(issued + 30),
    status,
    total_cents: lines.reduce((sum, line) => sum + line.quantity * line.unitCents, 0),
    currency: "EUR",
    payer: {
      name: of.name,
      email: of.email,
      ...(byCard ? { card: of.card_number } : { iban: of.iban }),
    },
    lines,
    refunded_cents: 0,
  };
}

export function payment(number: number, of: Invoice): Payment {
  const { card = null, iban = null } = of.payer;
  return {
    id: numbered("pay", number),
    invoice_id: of.id,
    customer_id: of.customer_id,
    paid_on: of.due_on,
    amount_cents: of.total_cents,
    method: card === null ? "transfer" : "card",
    card_number: card,
    iban,
  };
}

export function payrollYear(random: Random, employee: number): PayrollMonth[] {
  const name = personName(random);
  const account = ibanNumber(random);
  const gross = random.integer(320_000, 980_000);
  return Array.from({ length: 12 }, (_, month) => ({
    id: numbered("sal", employee * 12 + month + 1),
    employee: name,
    month: `2025-${String(month + 1).padStart(2, "0")}-01`,
    gross_cents: gross,
    net_cents: Math.round(gross * 0.62),
    iban: account,
  }));
}

function personName(random: Random): string {
  return `${random.pick(words.FIRST_NAMES)} ${random.pick(words.LAST_NAMES)}`;
}

function mailOf(random: Random, name: string, number: number): string {
  const local = name.toLowerCase().replace(/[^a-z]+/g, ".");
  return `${local}.${number}@${random.pick(words.MAIL_DOMAINS)}`;
}

function numbered(prefix: string, number: number): string {
  return `${prefix}_${String(number).padStart(6, "0")}`;
}

/** ISO date so many days after the company was founded. */
function day(offset: number): string {
  const FOUNDED_MS = Date.UTC(2022, 0, 3);
  const DAY_MS = 86_400_000;
  return new Date(FOUNDED_MS + offset * DAY_MS).toISOString().slice(0, 10);
}
