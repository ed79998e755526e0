import { describe, expect, it } from "vitest";
import { DENY, readTool, writeTool } from "../core/testing.ts";
import { REFUSAL_WINDOW_MS } from "../core/session/limits.ts";
import { evaluateCall } from "./evaluate.ts";
import { MAX_QUESTIONS } from "./questions.ts";
import { Bench, CALLER } from "./testing.ts";

const ask = (bench: Bench, tool = "customers_find") =>
  evaluateCall(bench.gateway(), CALLER, { tool, arguments: { region: "eu" } });

describe("what a call would meet", () => {
  it("is what it then meets, and leaves no trace, charge or request", async () => {
    const bench = await new Bench().open();
    const before = bench.state;
    expect(await ask(bench)).toEqual({ outcome: "ok" });
    bench.script = () => DENY;
    const denied = await ask(bench);
    expect(denied).toMatchObject({ outcome: "policy_denied", reason: { code: "network_denied" } });
    expect([bench.state, bench.sent, bench.log]).toEqual([before, [], ["workflow.opened"]]);
    expect(await bench.call()).toMatchObject(denied);
  });

  it.each([
    ["unknown_tool", "customers_delete", () => undefined],
    ["locks_unavailable", "customers_find", (bench: Bench) => (bench.locks = null)],
    ["connector_unavailable", "customers_find", (bench: Bench) => (bench.connected = false)],
  ])("is %s where the call would be", async (code, tool, spoil) => {
    const bench = await new Bench().open();
    spoil(bench);
    expect(await ask(bench, tool)).toMatchObject({ reason: { code } });
    expect(bench.log).toEqual(["workflow.opened"]);
  });

  it.each([
    ["with a preview", writeTool({ preview: ["ticket"] })],
    ["without one", writeTool({ preview: null })],
  ])("names the kinds of an approval, for a tool %s", async (_what, tool) => {
    const finance = { id: "finance", title: "", lifeMs: 1_000, selfApproval: false };
    const bench = new Bench([tool], { approvalKinds: [finance] });
    bench.script = ({ action, context }) =>
      action === "mutate" && !JSON.stringify(context.approvals ?? []).includes("finance")
        ? DENY
        : { decision: "allow", ruleIds: ["r"], errors: [] };
    await bench.open();
    const needed = { outcome: "human_approval_required", kinds: ["finance"] };
    expect(await ask(bench, tool.id)).toEqual(needed);
    await bench.call(tool.id, {}, { waitMs: 0 });
    expect(await ask(bench, tool.id)).toEqual(needed);
  });

  it("is told to no seat that asks without end, and to every other seat", async () => {
    const bench = await new Bench().open();
    const gateway = bench.gateway();
    const question = { tool: "customers_find", arguments: { region: "eu" } };
    const many = await Promise.all(
      Array.from({ length: MAX_QUESTIONS }, () => evaluateCall(gateway, CALLER, question)),
    );
    expect(many.every(({ outcome }) => outcome === "ok")).toBe(true);
    const limited = await evaluateCall(gateway, CALLER, question);
    expect(limited).toMatchObject({ outcome: "failed", reason: { code: "rate_limited" } });
    expect(limited).toHaveProperty("retryAfter", REFUSAL_WINDOW_MS / 1_000);
    expect(await evaluateCall(gateway, { ...CALLER, seat: "s_other" }, question)).toMatchObject({
      reason: { code: "seat_unknown" },
    });
    bench.now += REFUSAL_WINDOW_MS;
    expect(await evaluateCall(gateway, CALLER, question)).toEqual({ outcome: "ok" });
  });

  it("about a trap springs it", async () => {
    const bench = await new Bench([readTool({ canary: true })]).open();
    await ask(bench);
    expect(bench.log).toEqual(["workflow.opened", "signal.raised"]);
  });
});
