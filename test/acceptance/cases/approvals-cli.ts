import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { approvalOf } from "../support/approval.ts";
import type { NodeHost } from "../support/node-host.ts";
import type { Ended } from "../support/process.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** `postern approval`: each command signs its human in anew, for what it is about to do. */
export function approvalCliCases(world: () => World, host: () => NodeHost): void {
  describe("postern approval", () => {
    let workflow: Workflow;
    let n = 12;
    beforeAll(async () => {
      workflow = await world().acme.open(world().agent, "dana", { purpose: "refund" });
    });

    const refund = async (invoiceId: string, refundedCents: number): Promise<Outcome> => {
      const sent = { headers: { prefer: "wait=0" } };
      const body = { tool: "invoices_refund", arguments: { invoiceId, refundedCents } };
      return (await workflow.request("POST", "/calls", body, sent)).body as Outcome;
    };
    const fresh = (): string => `inv_0000${++n}`;
    /** What a human runs at their own machine. */
    const as = (login: string, verb: string, ...args: readonly string[]): Promise<Ended> => {
      const { folder, signInCommand, host: running } = world();
      const file = join(folder, `approver-${login}.jsonc`);
      const approver = { command: [...signInCommand.slice(0, -1), login, "--approve"] };
      const profile = { gateway: running.urls.gateway, tenant: "acme", approver };
      writeFileSync(file, JSON.stringify(profile));
      return host().command("approval", verb, ...args, "--as", file);
    };

    it("lists what waits, shows what would change, and approves what was shown", async () => {
      const invoice = fresh();
      const asked = approvalOf(await refund(invoice, 70));
      const listed = await as("erin", "list");
      expect(listed.stdout).toContain(asked.id);
      const shown = await as("erin", "show", asked.id);
      expect(shown.code).toBe(0);
      for (const part of [invoice, "/rows/0/refundedCents 0", "/rows/0/refundedCents 70"]) {
        expect(shown.stdout).toContain(part);
      }
      const approved = await as("erin", "approve", asked.id, "--json");
      expect(JSON.parse(approved.stdout)).toEqual({ decided: "approve", complete: true });
      expect((await refund(invoice, 70)).outcome).toBe("ok");
      const again = await as("erin", "approve", asked.id);
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("it is used")]);
    });

    it("rejects, for good", async () => {
      const invoice = fresh();
      const asked = approvalOf(await refund(invoice, 1));
      const rejected = await as("erin", "reject", asked.id);
      expect([rejected.code, rejected.stdout]).toEqual([0, expect.stringContaining("rejected")]);
      expect(await refund(invoice, 2)).toMatchObject({ reason: { code: "approval_rejected" } });
    });

    it("decides and shows nothing for a human who could give none of its kinds", async () => {
      const asked = approvalOf(await refund(fresh(), 1));
      expect((await as("olga", "list")).stdout).not.toContain(asked.id);
      for (const verb of ["show", "approve", "reject"]) {
        const refused = await as("olga", verb, asked.id);
        expect([verb, refused.code, refused.stdout]).toEqual([verb, 1, ""]);
        expect(refused.stderr).toContain("not_found");
      }
      // Who started it may look, and not decide.
      expect((await as("dana", "show", asked.id)).code).toBe(0);
      const own = await as("dana", "approve", asked.id);
      expect([own.code, own.stderr]).toEqual([1, expect.stringContaining("self_approval")]);
    });
  });
}
