import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sha256 } from "../support/chain.ts";
import { payloadOf } from "../support/keys.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

interface Row {
  readonly [column: string]: unknown;
}

const MARISOL = "cus_000001";

/** The Acme network: a private Postgres and a private HTTP service, reached through connectors. */
export function acmeCases(world: () => World): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "support-case" });
  const rowsOf = ({ result }: Outcome): Row[] => (result as { value: { rows: Row[] } }).value.rows;

  describe("Acme's Postgres", () => {
    it("answers a statement of the bundle over the real protocol, under row security", async () => {
      const workflow = await open();
      const outcome = await workflow.call("customers_find", { query: "Marisol Vega" });
      expect(outcome.outcome).toBe("ok");
      expect(rowsOf(outcome)).toEqual([
        {
          id: MARISOL,
          name: "Marisol Vega-Okafor",
          city: expect.any(String),
          plan: expect.any(String),
        },
      ]);
    });

    it("gives invoices without cards, accounts, addresses and court cases", async () => {
      const workflow = await open();
      const outcome = await workflow.call("invoices_list", { customerId: MARISOL });
      expect(outcome).toMatchObject({ outcome: "partial_result", dropped: 1, truncated: false });
      const rows = rowsOf(outcome);
      expect(rows.map(({ status }) => status)).toEqual(["paid", "overdue"]);
      for (const { contactEmail, payer, lines } of rows) {
        expect(contactEmail).toBeNull();
        expect(payer).toMatchObject({ name: "Marisol Vega-Okafor", email: null });
        const { card, iban } = payer as { card?: unknown; iban?: unknown };
        expect([card ?? null, iban ?? null]).toEqual([null, null]);
        for (const line of lines as Row[]) expect(line["orderedBy"]).toBeNull();
      }
      const rules = outcome.redactions?.map(({ path, dataClass, ruleIds }) =>
        [path.replaceAll(/\d+/g, "*"), dataClass, ...ruleIds].join(" "),
      );
      expect([...new Set(rules)].sort()).toEqual(
        expect.arrayContaining([
          "/rows/*/contactEmail customer.contact contact-details-stay-home",
          "/rows/*/lines/*/orderedBy customer.contact contact-details-stay-home",
          "/rows/*/payer/email customer.contact contact-details-stay-home",
        ]),
      );
      expect(JSON.stringify(outcome)).not.toMatch(/@|\b\d{16}\b|DE\d{20}/);
    });

    it("treats SQL in an argument as text", async () => {
      const workflow = await open();
      const outcome = await workflow.call("customers_find", {
        query: "'; drop table acme.customers; --",
      });
      expect(outcome).toMatchObject({ outcome: "ok", result: { value: { rows: [] } } });
      expect(rowsOf(await workflow.call("customers_find", { query: "Marisol" }))).toHaveLength(1);
    });

    it("does not ask payroll anything: the call is denied before", async () => {
      const workflow = await open();
      expect(await workflow.call("payroll_list", { month: "2025-01" })).toMatchObject({
        outcome: "policy_denied",
        reason: { policyClass: "action", ruleIds: ["payroll-is-off-limits"] },
      });
    });
  });

  describe("Acme's queries", () => {
    const ask = (workflow: Workflow, sql: string, params: readonly unknown[] = []) =>
      workflow.call("billing_query", { sql, params });

    it("are the agent's own, over several tables, with values beside them", async () => {
      const workflow = await open();
      const outcome = await ask(
        workflow,
        `with totals as (
           select customer_id, count(*) as n, sum(total_cents) as cents
           from invoices where status <> $2 group by customer_id
         )
         select c.name, t.n, t.cents from customers c join totals t on t.customer_id = c.id
         where c.id = $1`,
        [MARISOL, "paid"],
      );
      expect(outcome).toMatchObject({ outcome: "ok" });
      expect(rowsOf(outcome)).toEqual([
        { name: "Marisol Vega-Okafor", n: 1, cents: expect.any(Number) as number },
      ]);
    });

    it("show of a star what may be seen, and of a table no row before a court", async () => {
      const workflow = await open();
      const [customer] = rowsOf(
        await ask(workflow, "select * from customers where id = $1", [MARISOL]),
      );
      expect(Object.keys(customer ?? {})).toEqual(["id", "name", "plan", "since"]);
      const courts = await ask(
        workflow,
        "select count(*) as n from invoices where status = 'litigation'",
      );
      expect(rowsOf(courts)).toEqual([{ n: 0 }]);
    });

    it.each([
      ["shown", "select email from customers limit 1"],
      ["filtered by", "select id from customers where email like 'm%'"],
      ["sorted by", "select id from customers order by email limit 1"],
      ["computed with", "select md5(coalesce(email, '')) as h from customers limit 1"],
      ["found through a subquery", "select (select max(c.email) from customers c) as m"],
      ["pulled through a star", "select x.email from (select * from customers) x limit 1"],
    ])("do not get a denied column %s: policy says by which rule", async (_how, sql) => {
      const workflow = await open();
      expect(await ask(workflow, sql)).toMatchObject({
        outcome: "policy_denied",
        reason: {
          code: "data_denied",
          policyClass: "data",
          ruleIds: ["contact-details-stay-home"],
        },
      });
    });

    it.each([
      ["delete from customers", "not_a_query"],
      ["with x as (delete from customers returning id) select * from x", "write_in_query"],
      ["select 1; drop table acme.customers", "several_statements"],
      ["select pg_read_file('/etc/passwd')", "function_not_allowed"],
      ["select * from payroll", "relation_unknown"],
      ["select * from pg_catalog.pg_authid", "relation_unknown"],
      ["select row_to_json(c) from customers c", "whole_row"],
      ["select name from customers for update", "locking_clause"],
    ])("that are none are told why: %s", async (sql, code) => {
      const workflow = await open();
      const outcome = await ask(workflow, sql);
      expect(outcome).toMatchObject({
        outcome: "failed",
        reason: { kind: "schema", code: "invalid_arguments", at: ["/sql"], why: { code } },
        retryable: false,
      });
      expect(JSON.stringify(outcome)).not.toContain(sql);
    });

    it("sum up groups that are large enough, and tell nothing of one row", async () => {
      const workflow = await open();
      const summarize = (sql: string): Promise<Outcome> =>
        workflow.call("billing_summary", { sql });
      const outcome = await summarize(
        "select status, count(*) as n, round(avg(total_cents)) as mean from invoices group by status order by 1",
      );
      const rows = rowsOf(outcome);
      expect(rows.map(({ status }) => status)).toEqual(["open", "overdue", "paid"]);
      for (const { n } of rows) expect(n).toBeGreaterThanOrEqual(5);
      const few = await summarize(
        "select sum(total_cents) as s from invoices group by total_cents, issued_on",
      );
      expect(rowsOf(few)).toEqual([]);
      for (const [sql, code] of [
        ["select max(total_cents) from invoices", "summary_value"],
        ["select total_cents from invoices", ""],
        ["select count(*) from invoices where 1 / (total_cents - 5) > 0", "summary_filter"],
        ["select id from invoices", "column_unknown"],
      ] as const) {
        const refused = await summarize(sql);
        expect(refused.outcome, sql).toBe("failed");
        if (code !== "") expect(refused).toMatchObject({ reason: { why: { code } } });
      }
    });
  });

  describe("Acme's tickets", () => {
    const ticket = { customerId: MARISOL, title: "Overdue", text: "Sent twice." };

    it("know all three principals of a write", async () => {
      const workflow = await open();
      const outcome = await workflow.call("tickets_create", ticket);
      expect(outcome).toMatchObject({
        outcome: "ok",
        result: {
          kind: "json",
          value: {
            ...ticket,
            status: "open",
            openedBy: {
              human: expect.stringMatching(/^[0-9a-f]{64}$/),
              agent: "support-agent",
              workflow: workflow.id,
            },
          },
        },
      });
      const { id } = (outcome.result as { value: { id: string } }).value;
      expect(
        await workflow.call("tickets_set_status", { ticketId: id, status: "closed" }),
      ).toMatchObject({ outcome: "ok" });
      expect(await workflow.call("tickets_get", { ticketId: id })).toMatchObject({
        outcome: "ok",
        result: { value: { status: "closed" } },
      });
    });

    it("get a call token that says who, what, under which policy, once", async () => {
      const { leak } = world();
      const workflow = await open();
      const outcome = await workflow.call("tickets_create", ticket);
      const stolen = JSON.parse(readFileSync(String(leak), "utf8")) as {
        method: string;
        url: string;
        headers: Record<string, string>;
        body: string;
      };
      const token = stolen.headers["txn-token"] ?? "";
      const [admitted] = await workflow
        .events()
        .then((events) => events.filter(({ event }) => event.type === "call.admitted"));
      const path = new URL(stolen.url).pathname;
      const operation = `{"http":{"contentDigest":"${sha256(stolen.body)}","destination":"tickets","method":"POST","path":"${path}","query":""}}`;
      const issuer = workflow.tenant.url;
      expect(payloadOf(token)).toEqual({
        iss: issuer,
        aud: issuer,
        iat: expect.any(Number),
        exp: expect.any(Number),
        txn: admitted?.event["txn"],
        sub: (await workflow.events())[0]?.event["human"],
        act: { sub: "support-agent", sub_profile: "ai_agent" },
        scope: "tool:tickets_create",
        req_wl: `${String(admitted?.event["connector"])}/${String(admitted?.event["session"])}`,
        tctx: {
          tenant: "acme",
          workflow: workflow.id,
          call: outcome.call,
          network: "acme",
          tier: "internal",
          policy_version: admitted?.event["policyVersion"],
          mode: "execute",
          operation: sha256(operation),
          preview: null,
          record: admitted?.hash,
          lock_epoch: 0,
        },
      });
      const { iat, exp } = payloadOf(token) as { iat: number; exp: number };
      expect(exp - iat).toBeLessThanOrEqual(15);
    });

    it("refuse a call token that was used before, wherever it comes from", async () => {
      const { leak } = world();
      const workflow = await open();
      await workflow.call("tickets_create", ticket);
      const { method, url, headers, body } = JSON.parse(readFileSync(String(leak), "utf8")) as {
        method: string;
        url: string;
        headers: Record<string, string>;
        body: string;
      };
      const token = headers["txn-token"] ?? "";
      const replay = await fetch(url, {
        method,
        headers: { "content-type": headers["content-type"] ?? "", "txn-token": token },
        body,
      });
      expect(replay.status).toBe(401);
      expect(await replay.json()).toMatchObject({ code: "token_replayed" });
      const without = await fetch(url, {
        method,
        body,
        headers: { "content-type": "application/json" },
      });
      expect(without.status).toBe(401);
    });
  });
}
