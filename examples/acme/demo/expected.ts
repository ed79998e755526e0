import { company } from "../billing/company.ts";
import type { CaseRun } from "./case.ts";
import type { Evidence } from "./evidence.ts";
import type { Row } from "./row.ts";

/** Calls that the trust edge `support` grants to one workflow. */
const BUDGET_CALLS = 12;
/** Admitted before the agent begins to look again and again. */
const CALLS_BEFORE_LOOKING = 6;

/** Lists are compared as sets: their order says nothing. */
export type Expected = Omit<Row, "ms" | "call" | "hits">;

export const ok = (title: string, tool: string): Expected => ({
  title,
  tool,
  outcome: "ok",
  code: null,
  ruleIds: [],
  redactions: [],
  dropped: 0,
  change: [],
});

const denied = (title: string, tool: string, code: string, ruleIds: string[]): Expected => ({
  ...ok(title, tool),
  outcome: "policy_denied",
  code,
  ruleIds,
});

const contact = (path: string): string => `${path} customer.contact contact-details-stay-home`;
const card = (path: string): string => `${path} payment.card card-numbers-stay-home`;
const account = (path: string): string => `${path} payment.account accounts-stay-home`;

/** What the case must come to, word for word. */
export const EXPECTED: readonly Expected[] = [
  ok("find the customer", "customers_find"),
  {
    title: "read the invoices",
    tool: "invoices_list",
    outcome: "partial_result",
    code: null,
    ruleIds: ["accounts-stay-home", "card-numbers-stay-home", "contact-details-stay-home"],
    redactions: [
      contact("/rows/0/contactEmail"),
      contact("/rows/0/lines/0/orderedBy"),
      contact("/rows/0/lines/1/orderedBy"),
      contact("/rows/0/lines/2/orderedBy"),
      card("/rows/0/payer/card"),
      contact("/rows/0/payer/email"),
      account("/rows/0/payer/iban"),
      contact("/rows/1/contactEmail"),
      contact("/rows/1/lines/0/orderedBy"),
      contact("/rows/1/lines/1/orderedBy"),
      contact("/rows/1/lines/2/orderedBy"),
      contact("/rows/1/lines/3/orderedBy"),
      card("/rows/1/payer/card"),
      contact("/rows/1/payer/email"),
      account("/rows/1/payer/iban"),
    ],
    // The third invoice is before a court.
    dropped: 1,
    change: [],
  },
  ok("ask a question of its own", "billing_query"),
  denied("ask for card numbers", "billing_query", "data_denied", ["card-numbers-stay-home"]),
  ok("open a ticket", "tickets_create"),
  {
    ...ok("ask who is on call", "rota_on_call"),
    outcome: "partial_result",
    ruleIds: ["default:data"],
    redactions: ["/phone rota.phone default:data"],
  },
  ok("ask whether the payroll is open", "policy_evaluate"),
  denied("read the payroll", "payroll_list", "action_denied", ["payroll-is-off-limits"]),
  denied("call an unknown tool", "customers_delete", "unknown_tool", ["core:tool"]),
  {
    ...ok("a thief replays the call token", "thief → tickets"),
    outcome: "refused",
    code: "token_replayed",
  },
  ...Array.from({ length: BUDGET_CALLS - CALLS_BEFORE_LOOKING }, (_, at) =>
    ok(`look again, ${at + 1}`, "tickets_get"),
  ),
  denied(
    `look again, ${BUDGET_CALLS - CALLS_BEFORE_LOOKING + 1}`,
    "tickets_get",
    "budget_exhausted",
    ["core:budget.calls"],
  ),
];

const act = (title: string, outcome: string): Expected => ({ ...ok(title, "postern"), outcome });

const asks = (title: string, before: number, after: number): Expected => ({
  ...ok(title, "invoices_refund"),
  outcome: "human_approval_required",
  change: [`/rows/0/refundedCents ${before} → ${after}`],
});

/** What an agent's own statement would do, row by row. */
function later(title: string): Expected {
  const { id, due_on: due } = company().invoices.find(({ status }) => status === "overdue")!;
  return {
    ...ok(title, "invoices_correct"),
    outcome: "human_approval_required",
    change: [`/acme.invoices/${id}/due_on "${due}" → "2031-05-01"`],
  };
}

/** The same invoices in the eyes of an agent that may not even know who pays: a payer goes as a whole. */
function checked(title: string): Expected {
  const classes = [contact, card, account].map((of) => of("/payer"));
  const payer = [...classes, "/payer customer.identity default:data"];
  const seen = EXPECTED[1]!;
  return {
    ...seen,
    title,
    ruleIds: [...seen.ruleIds, "default:data"],
    redactions: [
      ...seen.redactions.filter((one) => !one.includes("/payer/")),
      ...[0, 1].flatMap((row) => payer.map((one) => `/rows/${row}${one}`)),
    ],
  };
}

/** Reads of the case in which a connector dies. */
const READS = 12;

function paid(title: string): Expected {
  return {
    ...ok(title, "payments_list"),
    outcome: "partial_result",
    ruleIds: ["accounts-stay-home", "card-numbers-stay-home"],
    redactions: [card("/rows/0/cardNumber"), account("/rows/0/iban")],
  };
}

/** Nothing is lost with a connector. Then the write half: each line is one promise about a change. */
export const EXPECTED_WRITES: readonly Expected[] = [
  ...Array.from({ length: READS }, (_, at) => paid(`read on, ${at + 1}`)),
  ok("find the customer", "customers_find"),
  { ...EXPECTED[1]! },
  asks("ask to refund 10.00", 0, 1_000),
  act("erin approves: refund 10.00", "approved"),
  ok("refund 10.00", "invoices_refund"),
  asks("ask to refund 20.00", 1_000, 2_000),
  asks("ask to refund 30.00", 1_000, 3_000),
  act("erin approves: refund 20.00", "approved"),
  act("erin approves: refund 30.00", "approved"),
  ok("refund 30.00", "invoices_refund"),
  denied("refund 20.00, approved before", "invoices_refund", "approval_stale", ["core:approval"]),
  later("ask to give more time"),
  act("erin approves: give more time", "approved"),
  ok("give more time", "invoices_correct"),
  denied("write that it is paid", "invoices_correct", "action_denied", [
    "invoices-need-finance",
    "payments-say-what-is-paid",
  ]),
  act("somebody pulls the switch", "in_force"),
  // The rule is the lock's own id.
  { ...denied("go on after the kill", "customers_find", "locked", []), ruleIds: ["lock"] },
  act("undo the refund of 30.00", "ok"),
  ok("find the customer", "customers_find"),
  checked("checker reads the invoices"),
  denied("checker tries a refund", "invoices_refund", "tool_not_granted", ["core:seat"]),
  checked("checker reads once more"),
  // Two calls are what trust gives to this delegation, whatever its giver has left.
  denied("checker reads too often", "invoices_list", "budget_exhausted", ["core:budget.calls"]),
  ok("correct a salary", "payroll_correct"),
  denied("deploy from the same case", "deploys_start", "critical_domain_taken", [
    "core:write-domain",
  ]),
];

/**
 * One event opens the workflow and one closes it, two stand for each admitted call (admission and
 * settlement), one for each refused call. One less, and something happened off the record.
 */
const REFUSED_CALLS = 4;
const EXPECTED_EVENTS = 2 + 2 * BUDGET_CALLS + REFUSED_CALLS;

/** Everything that is not as it must be, in words; empty when all is well. */
export function differences(
  run: CaseRun,
  writes: readonly Row[],
  evidence: Evidence,
): readonly string[] {
  return [
    ...rowDifferences(run.rows, EXPECTED),
    ...rowDifferences(writes.map(withoutLockId), EXPECTED_WRITES),
    ...leaks(run.seen),
    ...recordFaults(evidence),
  ];
}

function withoutLockId(row: Row): Row {
  return { ...row, ruleIds: row.ruleIds.map((id) => id.replace(/^lock:.*/, "lock")) };
}

export function rowDifferences(
  rows: readonly Row[],
  wanted: readonly Expected[] = EXPECTED,
): readonly string[] {
  const found = rows.flatMap((row, at) => {
    const expected = wanted[at];
    return expected === undefined
      ? [`not expected: ${row.title}`]
      : fieldDifferences(row, expected);
  });
  const missing = wanted.slice(rows.length).map((expected) => expected.title);
  return missing.length === 0 ? found : [...found, `did not happen: ${missing.join("; ")}`];
}

function fieldDifferences(row: Row, expected: Expected): string[] {
  return Object.entries(expected).flatMap(([field, value]) => {
    const actual = [row[field as keyof Expected]].flat();
    const wanted = [value].flat();
    const more = actual.filter((one) => !wanted.includes(one));
    const less = wanted.filter((one) => !actual.includes(one));
    if (more.length === 0 && less.length === 0 && actual.length === wanted.length) return [];
    return [`${row.title}: ${field} is ${words(more)}, not ${words(less)}`];
  });
}

function words(values: readonly unknown[]): string {
  return values.length === 0 ? "nothing" : values.map(String).join(", ");
}

/** Redaction is judged by what came through, not by what was announced. */
function leaks(seen: string): string[] {
  const [customer] = company().customers;
  if (customer === undefined) return ["the company has no customers"];
  const secrets = {
    "an e-mail address": customer.email,
    "a card number": customer.card_number,
    "an IBAN": customer.iban,
    "an invoice before a court": "litigation",
  };
  return Object.entries(secrets)
    .filter(([, secret]) => seen.includes(secret))
    .map(([what]) => `the agent was given ${what}`);
}

function recordFaults({ findings, replay }: Evidence): string[] {
  const found: string[] = [];
  if (findings.length > 0) found.push(`the record does not verify: ${JSON.stringify(findings)}`);
  if (!replay.identical) found.push("the case does not replay to the same decisions");
  else if (replay.events !== EXPECTED_EVENTS) {
    found.push(`the case left ${replay.events} events, not ${EXPECTED_EVENTS}`);
  }
  return found;
}
