import { company } from "../billing/company.ts";
import type { CaseRun } from "./case.ts";
import type { Evidence } from "./evidence.ts";
import type { Row } from "./row.ts";

/** Calls that the trust edge `support` grants to one workflow. */
const BUDGET_CALLS = 12;
/** Admitted before the agent begins to look again and again. */
const CALLS_BEFORE_LOOKING = 3;

/** Lists are compared as sets: their order says nothing. */
type Expected = Omit<Row, "ms" | "call">;

const ok = (title: string, tool: string): Expected => ({
  title,
  tool,
  outcome: "ok",
  code: null,
  ruleIds: [],
  redactions: [],
  dropped: 0,
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
  },
  ok("open a ticket", "tickets_create"),
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

/**
 * One event opens the workflow and one closes it, two stand for each admitted call (admission and
 * settlement), one for each refused call. One less, and something happened off the record.
 */
const REFUSED_CALLS = 3;
const EXPECTED_EVENTS = 2 + 2 * BUDGET_CALLS + REFUSED_CALLS;

/** Everything that is not as it must be, in words; empty when all is well. */
export function differences(run: CaseRun, evidence: Evidence): readonly string[] {
  return [...rowDifferences(run.rows), ...leaks(run.seen), ...recordFaults(evidence)];
}

export function rowDifferences(rows: readonly Row[]): readonly string[] {
  const found = rows.flatMap((row, at) => {
    const expected = EXPECTED[at];
    return expected === undefined
      ? [`not expected: ${row.title}`]
      : fieldDifferences(row, expected);
  });
  const missing = EXPECTED.slice(rows.length).map((expected) => expected.title);
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
