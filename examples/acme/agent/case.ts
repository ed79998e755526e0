import type { Client } from "@modelcontextprotocol/client";
import { OUTCOME_META_KEY, type Outcome, type Step } from "./step.ts";

/** Nothing here takes that long; a call that does is reported as it is, not waited for. */
const CALL_TIMEOUT_MS = 20_000;
/** Of a search. */
const HITS = 5;
/** A day after all that Acme's books know. */
const MORE_TIME = "2031-05-01";
/** More than any budget of the example: the loop below ends at the budget, or here. */
const MAX_LOOKS = 50;

/**
 * The support case. A model would choose these calls by itself; a script chooses the same ones
 * every time, so that everyone can compare what happens. Each `yield` is one governed call.
 */
export async function* supportCase(client: Client, customerName: string): AsyncGenerator<Step> {
  const found = await call(client, "find the customer", "customers_find", { query: customerName });
  yield found;
  const customerId = firstRow(found.result)?.["id"];
  if (customerId === undefined) return;

  const invoices = await call(client, "read the invoices", "invoices_list", { customerId });
  yield invoices;
  const overdue = rows(invoices.result).find((row) => row["status"] === "overdue");

  // Questions that nobody foresaw, in SQL of its own: about what it may know, and about what not.
  yield await call(client, "ask a question of its own", "billing_query", {
    sql: "SELECT status, count(*) AS invoices FROM acme.invoices WHERE customer_id = $1 GROUP BY status ORDER BY status",
    params: [customerId],
  });
  yield await call(client, "ask for card numbers", "billing_query", {
    sql: "SELECT upper(card_number) AS code FROM acme.payments ORDER BY card_number LIMIT 10",
  });

  const opened = await call(client, "open a ticket", "tickets_create", {
    customerId,
    ...(overdue && { invoiceId: overdue["id"] }),
    title: "Invoice is overdue, customer says it was paid",
    text: "Please check the transfer against the bank statement before the next reminder.",
    priority: "normal",
  });
  yield opened;

  yield await call(client, "ask who is on call", "rota_on_call", { team: "billing" });
  yield await call(client, "ask whether the payroll is open", "policy_evaluate", {
    subject: { type: "agent", id: "support-agent" },
    action: { name: "call" },
    resource: { type: "tool", id: "payroll_list" },
    context: { arguments: { month: "2025-12" } },
  });
  yield await call(client, "read the payroll", "payroll_list", { month: "2025-12" });
  yield await call(client, "call an unknown tool", "customers_delete", { customerId });

  // An agent that does not stop by itself. Its budget stops it.
  const ticketId = (opened.result as { readonly id?: unknown } | undefined)?.id;
  if (ticketId === undefined) return;
  for (let look = 1; look <= MAX_LOOKS; look++) {
    const step = await call(client, `look again, ${look}`, "tickets_get", { ticketId });
    yield step;
    if (step.outcome.outcome !== "ok") return;
  }
}

/**
 * The refund. Money goes back when a human of finance has seen the invoice before and after; the
 * agent sends the identical call again and gets the end of it. Whoever watches approves in between.
 */
export async function* refundCase(client: Client, customerName: string): AsyncGenerator<Step> {
  const found = await call(client, "find the customer", "customers_find", { query: customerName });
  yield found;
  const customerId = firstRow(found.result)?.["id"];
  if (customerId === undefined) return;
  const invoices = await call(client, "read the invoices", "invoices_list", { customerId });
  yield invoices;
  const overdue = rows(invoices.result).find((row) => row["status"] === "overdue");
  if (overdue === undefined) return;

  const refund = (title: string, refundedCents: number): Promise<Step> =>
    call(client, title, "invoices_refund", { invoiceId: overdue["id"], refundedCents });
  yield await refund("ask to refund 10.00", 1_000);
  yield await refund("refund 10.00", 1_000);
  // Two requests about the same state: with the first of them carried out, the other one is stale.
  yield await refund("ask to refund 20.00", 2_000);
  yield await refund("ask to refund 30.00", 3_000);
  yield await refund("refund 30.00", 3_000);
  yield await refund("refund 20.00, approved before", 2_000);
  // A change that nobody made a tool for, in SQL of its own: who approves sees the rows it would write.
  const correct = (title: string, assignment: string, value: string): Promise<Step> =>
    call(client, title, "invoices_correct", {
      sql: `UPDATE acme.invoices SET ${assignment} = $1 WHERE id = $2`,
      params: [value, overdue["id"] as string],
    });
  yield await correct("ask to give more time", "due_on", MORE_TIME);
  yield await correct("give more time", "due_on", MORE_TIME);
  yield await correct("write that it is paid", "status", "paid");
  // Somebody pulls the switch here.
  yield await call(client, "go on after the kill", "customers_find", { query: customerName });
}

/** Reads of one case, and how many of them are under way at a time. */
const READS = 12;
const AT_A_TIME = 4;

/** Finance looks at all that a customer paid, over and over; somebody pulls a plug meanwhile. */
export async function* reviewCase(client: Client): AsyncGenerator<Step> {
  const under: Promise<Step>[] = [];
  for (let read = 1; read <= READS + AT_A_TIME; read++) {
    if (read <= READS) {
      const args = { customerId: "cus_000001" };
      under.push(call(client, `read on, ${read}`, "payments_list", args));
    }
    if (read > AT_A_TIME) yield await under[read - AT_A_TIME - 1]!;
  }
}

/** Two critical systems; a workflow that writes to one of them never writes to the other. */
export async function* operationsCase(client: Client): AsyncGenerator<Step> {
  yield await call(client, "correct a salary", "payroll_correct", {
    entryId: "sal_000001",
    grossCents: 512_300,
  });
  yield await call(client, "deploy from the same case", "deploys_start", {
    service: "website",
    version: "4.2.0",
  });
}

/** What do the handbooks say? Nothing of what this agent may not know is even looked through. */
export async function* searchCase(client: Client): AsyncGenerator<Step> {
  const search = (title: string, query: string): Promise<Step> =>
    call(client, title, "documents_search", { query, limit: HITS });
  yield await search("search who may refund", "who may refund how much, who approves");
  yield await search("search salaries", "salary bands of engineering");
}

/** The same in words that stand on no page. */
export async function* similarCase(client: Client): AsyncGenerator<Step> {
  yield await call(client, "find similar pages", "documents_similar", {
    query: "refunding: whose aproval, how many euro",
    limit: HITS,
  });
}

async function call(
  client: Client,
  title: string,
  tool: string,
  args: Record<string, unknown>,
): Promise<Step> {
  const started = performance.now();
  const answer = await client.callTool(
    { name: tool, arguments: args },
    { timeout: CALL_TIMEOUT_MS },
  );
  const ms = performance.now() - started;
  const outcome = answer._meta?.[OUTCOME_META_KEY] as Outcome | undefined;
  if (outcome === undefined) throw new Error(`${tool} answered without an outcome`);
  const result = answer.isError === true ? undefined : answer.structuredContent;
  return { title, tool, ms, outcome, result };
}

type Row = { readonly [column: string]: unknown };

function rows(result: unknown): readonly Row[] {
  return (result as { readonly rows?: readonly Row[] } | undefined)?.rows ?? [];
}

function firstRow(result: unknown): Row | undefined {
  return rows(result)[0];
}
