import { describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** AuthZEN: an agent asks before it acts, directly or through a tool that leads back to the gateway. */
export function evaluationCases(world: () => World): void {
  const question = (agent: string, tool: string, args: object) => ({
    subject: { type: "agent", id: agent },
    action: { name: "call" },
    resource: { type: "tool", id: tool },
    context: { arguments: args },
  });
  const url = (): string => `${world().acme.url}/access/v1/evaluation`;
  const askWith = async (workflow: Workflow, body: object, headers = {}) => {
    const authorised = await workflow.authorise("POST", url());
    return send(url(), {
      method: "POST",
      headers: { ...authorised, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  };

  describe("a question before a call", () => {
    it("is answered with the decision that the call would meet, and nothing is recorded", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "support-case" });
      const before = await workflow.events();
      const month = { month: "2025-12" };
      const answer = await askWith(workflow, question("support-agent", "payroll_list", month), {
        "x-request-id": "r-1",
      });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-request-id")).toBe("r-1");
      expect(answer.body).toMatchObject({
        decision: false,
        context: {
          outcome: "policy_denied",
          reason: { code: "action_denied", ruleIds: ["payroll-is-off-limits"] },
        },
      });
      const list = question("support-agent", "tickets_list", { status: "open" });
      expect((await askWith(workflow, list)).body).toEqual({
        decision: true,
        context: { outcome: "ok" },
      });
      expect(await workflow.events()).toEqual(before);
    });

    it("goes through a tool as well: the gateway believes its own call token, once", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "support-case" });
      const asked = question("support-agent", "payroll_list", { month: "2025-12" });
      expect(await workflow.call("policy_evaluate", asked)).toMatchObject({
        outcome: "ok",
        result: { value: { decision: false, context: { outcome: "policy_denied" } } },
      });
      const urgent = question("support-agent", "tickets_create", {
        ...{ customerId: "cus_000001", title: "t", text: "t", priority: "urgent" },
      });
      expect(await workflow.call("policy_evaluate", urgent)).toMatchObject({
        result: { value: { context: { reason: { ruleIds: ["urgent-is-for-humans"] } } } },
      });
      // Only of oneself.
      const other = question("ops-agent", "payroll_list", { month: "2025-12" });
      expect(await workflow.call("policy_evaluate", other)).toMatchObject({
        outcome: "failed",
        reason: { code: "upstream_rejected", status: 400 },
      });
    });

    it("of a stranger, or with a token that is not for it, is not answered", async () => {
      const { acme, agent, lab } = world();
      const body = JSON.stringify(question("support-agent", "tickets_list", {}));
      const headers = { "content-type": "application/json" };
      const ask = (more: object) =>
        send(url(), { method: "POST", headers: { ...headers, ...more }, body });
      expect((await ask({})).status).toBe(401);
      expect((await ask({ "txn-token": "a.b.c" })).status).toBe(401);
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      await workflow.call("lab_note", { text: "a token for something else" });
      const token = String(lab.arrivals.at(-1)?.headers["txn-token"]);
      expect((await ask({ "txn-token": token })).status).toBe(401);
    });
  });
}
