import { beforeAll, describe, expect, it } from "vitest";
import { approvalOf } from "../support/approval.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** A write to a database that a human decides, who sees what would change. */
export function approvalCases(world: () => World): void {
  describe("a call that needs a human", () => {
    let workflow: Workflow;
    beforeAll(async () => {
      const { acme, agent } = world();
      workflow = await acme.open(agent, "dana", { purpose: "refund" });
    });

    const call = (tool: string, args: object, headers = {}): Promise<Outcome> =>
      callNow(workflow, tool, args, headers);
    const refund = (invoiceId: string, refundedCents: number): Promise<Outcome> =>
      call("invoices_refund", { invoiceId, refundedCents });
    it("asks with the real difference, out of a transaction that was rolled back", async () => {
      const outcome = await refund("inv_000002", 100);
      expect(outcome).toMatchObject({
        outcome: "human_approval_required",
        approval: {
          kinds: ["finance"],
          url: expect.stringContaining("/acme/approvals/apr_"),
          summary: expect.stringContaining("inv_000002"),
          proposedDiff: [
            { op: "test", path: "/rows/0/refundedCents", value: 0 },
            { op: "replace", path: "/rows/0/refundedCents", value: 100 },
          ],
        },
      });
      const events = await workflow.eventsOf(outcome.call);
      expect(events).toMatchObject([
        { type: "call.admitted", mode: "preview", preview: null },
        { type: "call.settled", outcome: "human_approval_required", calls: 1 },
      ]);
    });

    it("is carried out once after the approval, whoever sends it again and how often", async () => {
      const { acme } = world();
      const first = await refund("inv_000003", 100);
      expect((await acme.decide("erin", approvalOf(first), "finance")).body).toEqual({
        decided: "approve",
        complete: true,
      });
      const again = await Promise.all(Array.from({ length: 6 }, () => refund("inv_000003", 100)));
      expect(again.map((one) => one.outcome)).toEqual(Array(6).fill("ok"));
      expect(new Set(again.map((one) => one.call)).size).toBe(1);
      expect(await refund("inv_000003", 100)).toEqual(again[0]);
    });

    it("waits for the decision when it is sent again", async () => {
      const { acme } = world();
      const args = { invoiceId: "inv_000004", refundedCents: 1 };
      const first = await call("invoices_refund", args);
      const waiting = call("invoices_refund", args, { prefer: "wait=40" });
      await acme.decide("erin", approvalOf(first), "finance");
      expect((await waiting).outcome).toBe("ok");
    });

    it("stays rejected for every amount on the same target, and asks for another one", async () => {
      const { acme } = world();
      const first = await refund("inv_000005", 1);
      const answer = await acme.decide("erin", approvalOf(first), "finance", "reject");
      expect(answer.body).toEqual({ decided: "reject", complete: false });
      expect(await refund("inv_000005", 2)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_rejected", blockedBy: approvalOf(first).id },
      });
      expect((await refund("inv_000006", 1)).outcome).toBe("human_approval_required");
    });

    it("is not carried out when the state moved on since it was shown: SQL", async () => {
      const { acme } = world();
      const [small, large] = [await refund("inv_000007", 1), await refund("inv_000007", 2)];
      await acme.decide("erin", approvalOf(small), "finance");
      await acme.decide("erin", approvalOf(large), "finance");
      expect((await refund("inv_000007", 1)).outcome).toBe("ok");
      expect(await refund("inv_000007", 2)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      // And asks again, about the present state.
      expect(await refund("inv_000007", 2)).toMatchObject({
        outcome: "human_approval_required",
        approval: { proposedDiff: [{ value: 1 }, { value: 2 }] },
      });
    });

    it("is decided by nobody but a human whom the policies permit, and not by who started it", async () => {
      const { acme } = world();
      const asked = approvalOf(await refund("inv_000008", 1));
      const self = await acme.decide("dana", asked, "finance");
      expect([self.status, refusal(self.body)]).toEqual([403, "self_approval"]);
      const other = await acme.decide("olga", asked, "finance");
      expect([other.status, refusal(other.body)]).toEqual([403, "not_permitted"]);
      const unknown = await acme.decide("erin", asked, "second");
      expect([unknown.status, refusal(unknown.body)]).toEqual([409, "kind_unknown"]);
      expect((await refund("inv_000008", 1)).outcome).toBe("human_approval_required");
    });

    it("is nothing that a human may know of who could not decide it", async () => {
      const { acme } = world();
      const asked = approvalOf(await refund("inv_000012", 1));
      const seen = async (login: string): Promise<readonly unknown[]> => {
        const list = await acme.approvals(login, "GET", "", "view");
        const { status } = await acme.approvals(login, "GET", `/${asked.id}`, "view");
        return [list.status, list.text.includes(asked.id), status];
      };
      expect(await seen("erin")).toEqual([200, true, 200]);
      // She started the agent.
      expect(await seen("dana")).toEqual([200, true, 200]);
      for (const login of ["olga", "mallory"]) expect(await seen(login)).toEqual([200, false, 404]);
    });

    it("is decided only by a sign-in made for exactly this decision, once", async () => {
      const { acme } = world();
      const asked = approvalOf(await refund("inv_000009", 1));
      const path = `/${asked.id}/decision`;
      const body = { kind: "finance", verdict: "approve", digest: asked.digest };
      const right = `approve:finance:${asked.digest}`;
      for (const nonce of [
        `reject:finance:${asked.digest}`,
        `approve:second:${asked.digest}`,
        `approve:finance:${"0".repeat(64)}`,
        "view",
      ]) {
        expect((await acme.approvals("erin", "POST", path, nonce, body)).status, nonce).toBe(401);
      }
      // Signs in to start agents: decides nothing, and does not even look.
      const opener = await acme.signIn("erin");
      expect((await acme.approvalsWith(opener, "POST", path, body)).status).toBe(401);
      expect((await acme.approvalsWith(opener, "GET", "")).status).toBe(401);
      const token = await acme.approverToken("erin", right);
      // And the other way round: opens no workflow.
      const opened = await acme.redeem(world().agent, token, { purpose: "refund" });
      expect(opened.status).toBe(400);
      expect((await acme.approvalsWith(token, "POST", path, body)).status).toBe(200);
      expect((await acme.approvalsWith(token, "POST", path, body)).status).toBe(401);
    });

    it("looks the same to another tenant as one that never was", async () => {
      const { acme, globex } = world();
      const asked = approvalOf(await refund("inv_000010", 1));
      const answers = await Promise.all([
        globex.approvals("erin", "GET", `/${asked.id}`, "view"),
        globex.approvals("erin", "GET", "/apr_0", "view"),
        globex.decide("erin", asked, "finance"),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
      expect(answers[0]?.text).toBe(answers[1]?.text);
      const { body } = await acme.approvals("erin", "GET", "", "view");
      expect(JSON.stringify(body)).toContain(asked.id);
      const { body: foreign } = await globex.approvals("erin", "GET", "", "view");
      expect(foreign).toEqual({ approvals: [] });
    });
  });
}

/** The same of a document behind HTTP, which wants two people. */
export function documentApprovalCases(world: () => World): void {
  describe("a change of a document that needs humans", () => {
    let workflow: Workflow;
    let n = 0;
    const fresh = (): string => `doc-${++n}`;
    beforeAll(async () => {
      const { acme, agent } = world();
      workflow = await acme.open(agent, "dana", { purpose: "refund" });
    });
    const call = (tool: string, args: object): Promise<Outcome> => callNow(workflow, tool, args);

    it("is not carried out when the state moved on since it was shown: HTTP", async () => {
      const { acme, lab } = world();
      const key = fresh();
      const change = { key, title: "final" };
      const asked = approvalOf(await call("lab_document", change));
      await acme.decide("erin", asked, "finance");
      await acme.decide("olga", asked, "second");
      lab.document(key).version++;
      expect(await call("lab_document", change)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      expect(lab.document(key).title).toBe("draft");
    });

    it("wants two kinds from two people", async () => {
      const { acme, lab } = world();
      const key = fresh();
      const change = { key, title: "final" };
      const asked = approvalOf(await call("lab_document", change));
      expect(asked.kinds).toEqual(["finance", "second"]);
      expect((await acme.decide("erin", asked, "finance")).body).toMatchObject({ complete: false });
      const twice = await acme.decide("erin", asked, "second");
      expect([twice.status, refusal(twice.body)]).toEqual([403, "two_kinds"]);
      expect((await call("lab_document", change)).outcome).toBe("human_approval_required");
      expect((await acme.decide("olga", asked, "second")).body).toMatchObject({ complete: true });
      expect((await call("lab_document", change)).outcome).not.toBe("human_approval_required");
      expect(lab.document(key).title).toBe("final");
    });

    it("shows the agent and the approver each what they may see", async () => {
      const { acme } = world();
      const asked = approvalOf(await call("lab_document", { key: fresh(), secret: "0815" }));
      const shown = JSON.stringify(asked);
      expect(shown).not.toContain("4711");
      expect(asked.hidden).toMatchObject([
        { dataClass: "lab.secret" },
        { dataClass: "lab.secret" },
      ]);
      const { body } = await acme.approvals("erin", "GET", `/${asked.id}`, "view");
      expect(body).toMatchObject({
        id: asked.id,
        status: "pending",
        tool: "lab_document",
        arguments: { secret: "0815" },
        proposedDiff: [
          { op: "test", path: "/secret", value: "4711" },
          { op: "replace", path: "/secret", value: "0815" },
        ],
        hidden: [],
      });
    });

    it("has a page for people that says the same for every id, and runs nothing", async () => {
      const { acme } = world();
      const answer = await fetch(`${acme.url}/approvals/apr_1`);
      expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
      const html = await answer.text();
      expect(html).toContain("postern approval show");
      expect(await (await fetch(`${acme.url}/approvals/apr_2`)).text()).toBe(html);
    });
  });

  describe("critical write domains", () => {
    it("let a workflow write to one of them, and name the call that chose it", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const first = await workflow.call("lab_vault", { text: "one" });
      expect(first.outcome).toBe("ok");
      expect(await workflow.call("lab_safe", { text: "two" })).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "critical_domain_taken", blockedBy: first.call },
      });
      expect((await workflow.call("lab_vault", { text: "three" })).outcome).toBe("ok");
      expect((await workflow.call("lab_write", { text: "four" })).outcome).toBe("ok");
    });
  });
}

/** Without waiting for anybody, unless asked to. */
async function callNow(
  workflow: Workflow,
  tool: string,
  args: object,
  headers: { readonly [name: string]: string } = {},
): Promise<Outcome> {
  const sent = { headers: { prefer: "wait=0", ...headers } };
  const { body } = await workflow.request("POST", "/calls", { tool, arguments: args }, sent);
  return body as Outcome;
}

function refusal(body: unknown): string {
  return (body as { readonly refusal: { readonly code: string } }).refusal.code;
}
