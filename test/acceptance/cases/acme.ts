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
