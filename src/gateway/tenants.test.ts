import { describe, expect, it } from "vitest";
import { approvalKind, needing, writeTool } from "../core/testing.ts";
import { decideApproval, listApprovals, showApproval } from "./approve.ts";
import { callTool } from "./call.ts";
import { renewSeat } from "./open.ts";
import { grantSeat } from "./seat.ts";
import { Bench, CALLER } from "./testing.ts";
import { undoCall, undoPlan } from "./undo.ts";

const ELSEWHERE = [{ tenant: "globex" }, { workflow: "wf_2" }] as const;
const ERIN = { human: "erin", groups: [] };

/** The bench knows one workflow and answers every look-up with it: the mistake that is looked for. */
describe("a look-up that mixes up tenants or workflows", () => {
  it("answers no call and records nothing", async () => {
    const bench = await new Bench().open();
    const gateway = bench.gateway();
    const request = { tool: "customers_find", arguments: { region: "eu" }, idempotencyKey: null };
    for (const place of ELSEWHERE) {
      const outcome = await callTool(gateway, { ...CALLER, ...place }, request);
      expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "audit_unavailable" } });
    }
    expect(bench.sent).toEqual([]);
    expect(bench.log).toEqual(["workflow.opened"]);
    expect(await callTool(gateway, CALLER, request)).toMatchObject({ outcome: "ok" });
  });

  it("gives no seat and renews none", async () => {
    const bench = await new Bench().open();
    const gateway = bench.gateway();
    const giver = { ...CALLER, jkt: "thumbprint" };
    for (const place of ELSEWHERE) {
      const { tenant, workflow, seat, agent, jkt } = { ...giver, ...place };
      const from = { seat, agent, jkt };
      const taker = { agent: "helper-agent", jkt: "another" };
      expect(await grantSeat(gateway, { tenant, workflow, from, ...taker })).toEqual({
        kind: "unknown",
      });
      expect(await renewSeat(gateway, { ...giver, ...place })).toEqual({ kind: "refused" });
    }
    expect(bench.log).toEqual(["workflow.opened"]);
    expect(await renewSeat(gateway, giver)).toMatchObject({ kind: "renewed" });
  });

  it("shows no request to another tenant's humans, and lets them decide none", async () => {
    const bench = new Bench([writeTool({ preview: ["ticket"] })], {
      approvalKinds: [approvalKind("finance")],
    });
    bench.script = needing("finance");
    await bench.open();
    await bench.call("tickets_open", { id: 7 });
    const [{ id, digest } = { id: "", digest: "" }] = bench.state.approvals;
    const gateway = bench.gateway();
    const decision = { kind: "finance", verdict: "approve", digest } as const;
    const decide = (tenant: string) => decideApproval(gateway, tenant, id, ERIN, decision);
    expect(await listApprovals(gateway, "globex", ERIN)).toEqual([]);
    expect(await showApproval(gateway, "globex", id, ERIN)).toBeNull();
    expect(await decide("globex")).toMatchObject({ code: "approval_unknown" });
    expect(await listApprovals(gateway, "acme", ERIN)).toHaveLength(1);
    expect(await decide("acme")).toMatchObject({ kind: "decided" });
  });

  it("takes nothing back, and tells of nothing that could be", async () => {
    const bench = await new Bench().open();
    const { call } = await bench.call("tickets_open");
    const gateway = bench.gateway();
    const foreign = { ...CALLER, tenant: "globex" };
    expect(await undoCall(gateway, foreign, call)).toEqual({ code: "call_unknown" });
    expect(await undoPlan(gateway, foreign, "wf_1")).toBeNull();
    expect(await undoCall(gateway, CALLER, call)).toEqual({ code: "not_observed" });
    expect(await undoPlan(gateway, CALLER, "wf_1")).toMatchObject([{ call, code: "not_observed" }]);
  });
});
