import { describe, expect, it } from "vitest";
import { approvalOf } from "../support/approval.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const LATER = "update acme.invoices set due_on = $1 where customer_id = $2 and status <> 'paid'";

/** Statements that an agent writes itself, and that change something. */
export function writeCases(world: () => World): void {
  describe("a write of the agent's own", () => {
    const open = (): Promise<Workflow> =>
      world().acme.open(world().agent, "dana", { purpose: "refund" });
    const write = async (
      workflow: Workflow,
      sql: string,
      ...params: readonly string[]
    ): Promise<Outcome> => {
      const body = { tool: "invoices_correct", arguments: { sql, params } };
      const headers = { prefer: "wait=0" };
      return (await workflow.request("POST", "/calls", body, { headers })).body as Outcome;
    };
    const approved = async (asked: Outcome): Promise<void> => {
      expect(asked.outcome).toBe("human_approval_required");
      await world().acme.decide("erin", approvalOf(asked), "finance");
    };
    /** When invoices of a customer are due that are not paid, by the agent's own query. */
    const due = async (customer: string): Promise<Readonly<Record<string, unknown>>[]> => {
      const asking = await world().acme.open(world().agent, "dana", { purpose: "lab" });
      const sql = `select id, due_on from acme.invoices where customer_id = $1 and status <> 'paid'
        order by id`;
      const { result } = await asking.call("billing_query", { sql, params: [customer] });
      return (result as { value: { rows: Record<string, unknown>[] } }).value.rows;
    };
    const customers = async (): Promise<readonly string[]> => {
      const asking = await world().acme.open(world().agent, "dana", { purpose: "lab" });
      const sql = `select customer_id as id from acme.invoices where status <> 'paid'
        group by customer_id having count(*) between 1 and 5 order by customer_id desc limit 4`;
      const { result } = await asking.call("billing_query", { sql });
      return (result as { value: { rows: { id: string }[] } }).value.rows.map(({ id }) => id);
    };

    it("waits for a human, who sees each row by its key, and is done once", async () => {
      const [customer = ""] = await customers();
      const before = await due(customer);
      const workflow = await open();
      const asked = await write(workflow, LATER, "2031-05-01", customer);
      expect(approvalOf(asked).proposedDiff).toEqual(
        before.flatMap(({ id, due_on }) => {
          const path = `/acme.invoices/${String(id)}/due_on`;
          return [
            { op: "test", path, value: due_on },
            { op: "replace", path, value: "2031-05-01" },
          ];
        }),
      );
      // Without the approval it is still the same question.
      const again = await write(workflow, LATER, "2031-05-01", customer);
      expect(approvalOf(again).id).toBe(approvalOf(asked).id);
      expect(await due(customer)).toEqual(before);
      await approved(asked);
      const done = await write(workflow, LATER, "2031-05-01", customer);
      expect(done.outcome).toBe("ok");
      const { rows } = (done.result as { value: { rows: { id: string }[] } }).value;
      expect(rows.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id));
      expect(await due(customer)).toEqual(before.map((row) => ({ ...row, due_on: "2031-05-01" })));
      // One approval, one change: the same statement asks again.
      expect((await write(workflow, LATER, "2031-05-02", customer)).outcome).toBe(
        "human_approval_required",
      );
    });

    it("is refused where its rows are no longer the ones that were approved", async () => {
      const [, customer = ""] = await customers();
      const [workflow, other] = [await open(), await open()];
      const asked = await write(workflow, LATER, "2032-05-01", customer);
      const meanwhile = await write(other, LATER, "2032-06-01", customer);
      await approved(meanwhile);
      expect((await write(other, LATER, "2032-06-01", customer)).outcome).toBe("ok");
      await approved(asked);
      expect(await write(workflow, LATER, "2032-05-01", customer)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      for (const row of await due(customer)) expect(row["due_on"]).toBe("2032-06-01");
    });

    it("changes no more rows than its tool says", async () => {
      const workflow = await open();
      const all = "update acme.invoices set due_on = '2033-01-01' where status = 'paid'";
      expect(await write(workflow, all)).toMatchObject({
        outcome: "failed",
        reason: { code: "preview_too_large" },
      });
    });

    it("is denied where it writes what a rule keeps, whoever approves", async () => {
      const workflow = await open();
      const paid = "update acme.invoices set status = 'paid' where id = 'inv_000020'";
      expect(await write(workflow, paid)).toMatchObject({
        outcome: "policy_denied",
        reason: {
          code: "action_denied",
          ruleIds: expect.arrayContaining(["payments-say-what-is-paid"]),
        },
      });
    });

    it.each([
      ["two statements", "update acme.invoices set due_on = null where id = 'x'; select 1"],
      ["a column that is not declared", "update acme.invoices set payer = '{}' where id = 'x'"],
      ["a condition on one", "update acme.invoices set due_on = null where payer is not null"],
      ["a column that stays", "update acme.invoices set total_cents = 0 where id = 'x'"],
      ["all rows", "update acme.invoices set due_on = null"],
      ["another table", "update acme.payments set paid_on = null where id = 'x'"],
      ["a statement that the tool does not take", "delete from acme.invoices where id = 'x'"],
      [
        "a second table",
        "update acme.invoices i set due_on = null from acme.customers c where i.id = 'x'",
      ],
    ])("is told what is wrong with it: %s", async (_what, sql) => {
      expect(await write(await open(), sql)).toMatchObject({
        outcome: "failed",
        reason: {
          code: "invalid_arguments",
          at: ["/sql"],
          why: { code: expect.any(String), fix: expect.any(String) },
        },
      });
    });
  });
}
