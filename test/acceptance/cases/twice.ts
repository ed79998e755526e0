import type { CallToolResult } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import type { Answer } from "../support/http.ts";
import { ERAS, mcpClient, outcomeOf } from "../support/mcp.ts";
import type { Outcome } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** Sent again, by an agent that lost an answer or by one that hopes for more: done once. */
export function twiceCases(world: () => World): void {
  describe("a call sent twice", () => {
    it("is done once under one idempotency key, which belongs to one operation", async () => {
      const { acme, agent, lab } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const sent = async (text: string, tool = "lab_write"): Promise<Answer> => {
        const headers = { "idempotency-key": '"order-1"' };
        const body = { tool, arguments: { text } };
        return workflow.request("POST", "/calls", body, { headers });
      };
      const before = lab.arrivalsAt("/note").length;
      const first = (await sent("keyed")).body as Outcome;
      expect(first.outcome).toBe("ok");
      expect((await sent("keyed")).body).toEqual(first);
      expect(lab.arrivalsAt("/note")).toHaveLength(before + 1);
      // Nothing is recorded of a key that was used for something else, so no outcome tells of it.
      const events = (await workflow.events()).length;
      const conflict = await sent("elsewise");
      expect([conflict.status, conflict.headers.get("content-type")]).toEqual([
        422,
        "application/problem+json",
      ]);
      expect(conflict.body).toMatchObject({ code: "idempotency_conflict", status: 422 });
      expect(conflict.text).not.toContain("elsewise");
      expect(await workflow.events()).toHaveLength(events);
      expect(lab.arrivalsAt("/note")).toHaveLength(before + 1);
      // A key belongs to one tool of one workflow.
      expect((await sent("another", "lab_safe")).body).toMatchObject({ outcome: "ok" });
      const second = await acme.open(agent, "dana", { purpose: "lab" });
      const headers = { "idempotency-key": "order-1" };
      const body = { tool: "lab_write", arguments: { text: "another" } };
      const elsewhere = await second.request("POST", "/calls", body, { headers });
      expect(elsewhere.body).toMatchObject({ outcome: "ok" });
    });

    it.each(ERAS)("over MCP %s, under its key in _meta", async (version, mode) => {
      const { acme, agent, lab } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const client = await mcpClient(workflow, mode);
      const call = (text: string): Promise<CallToolResult> =>
        client.callTool({
          name: "lab_write",
          arguments: { text },
          _meta: { "dev.postern/idempotency-key": `order ${version}`.replace(" ", "-") },
        });
      const before = lab.arrivalsAt("/note").length;
      const first = outcomeOf(await call("keyed over MCP"));
      expect(first).toMatchObject({ outcome: "ok" });
      expect(outcomeOf(await call("keyed over MCP"))).toEqual(first);
      // No problem documents here: what was not done is an outcome, too.
      const other = await call("another");
      expect(other.isError).toBe(true);
      expect(outcomeOf(other)).toMatchObject({
        outcome: "failed",
        reason: { kind: "schema", code: "idempotency_conflict" },
        retryable: false,
      });
      expect(lab.arrivalsAt("/note")).toHaveLength(before + 1);
      // One memory behind both doors.
      const headers = { "idempotency-key": `order-${version}` };
      const body = { tool: "lab_write", arguments: { text: "keyed over MCP" } };
      const rest = await workflow.request("POST", "/calls", body, { headers });
      expect(rest.body).toMatchObject({ outcome: "ok", call: first.call });
      await client.close();
    });

    it("joins the identical one in flight, without a key, too", async () => {
      const { acme, agent, lab } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const call = (): Promise<Outcome> => workflow.call("lab_change_gate", { key: "joined" });
      const first = call();
      await lab.waiting("joined");
      const second = call();
      // Nothing shows that it is in; what is sent behind it, and answered, does.
      for (let n = 0; n < 5; n++) await workflow.view();
      lab.open("joined");
      const [one, other] = await Promise.all([first, second]);
      expect(one).toEqual(other);
      expect(lab.arrivalsAt("/gate/joined")).toHaveLength(1);
    });
  });
}
