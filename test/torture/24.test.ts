import { appendFileSync, cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lock, unlock } from "../acceptance/support/locks.ts";
import { ERAS, mcpClient, outcomeOf } from "../acceptance/support/mcp.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { reconnected } from "../acceptance/support/reconnected.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { type Asked, askedBy, change, decide } from "./approvals.ts";
import { checked, figure } from "./checked.ts";
import { effectsWereAllowed, recordVerifies } from "./invariants.ts";

const ENTRY = fileURLToPath(new URL("trapping-engine.ts", import.meta.url));
const PARALLEL = 32;

/**
 * Torture 24: the evaluator traps → `failed` `policy_unavailable`, nothing admitted. The real engine, in
 * a real process, with its stack full: it is dead for all tenants until the process starts again.
 */
describe("torture 24: the policy engine traps", () => {
  const host = nodeHost({ entry: ENTRY });
  let world: World;
  let workflow: Workflow;
  let refunds: Workflow;
  let approved: Asked;
  let pending: Asked;
  const unavailable = {
    outcome: "failed",
    reason: { kind: "policy", code: "policy_unavailable" },
    retryable: true,
  };
  const document = {
    approved: { key: "approved", title: "x" },
    pending: { key: "pending", title: "x" },
  };
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    refunds = await world.acme.open(world.agent, "dana", { purpose: "refund" });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** A bundle with a policy that no author would write. */
  function bundleWith(name: string, policy: string): string {
    const folder = join(world.folder, name);
    cpSync(world.bundle, folder, { recursive: true });
    appendFileSync(join(folder, "policies/action.cedar"), `\n@id("deep")\n${policy}\n`);
    return folder;
  }

  it("is kept from trapping by what may be published: no policy that would is", async () => {
    const many = (clause: string, count: number): string =>
      `permit (principal, action == Action::"execute", resource)${clause.repeat(count)};`;
    for (const [name, policy] of Object.entries({
      brackets: `permit (principal, action, resource) when { ${"(".repeat(200)}true${")".repeat(200)} };`,
      clauses: many("unless{false}", 700),
      conditions: many("when{if true then true else true}", 250),
    })) {
      const { code, stdout } = await host.activate("acme", bundleWith(name, policy));
      expect([code, stdout], name).toEqual([1, expect.stringContaining("too_deep")]);
    }
    const most = bundleWith("most", many("unless{false}", 190));
    expect((await host.activate("acme", most)).code).toBe(0);
    expect((await workflow.call("lab_execute", { text: "x" })).outcome).toBe("ok");
    expect((await host.activate("acme", world.bundle)).code).toBe(0);
  });

  it("decides until then", async () => {
    expect((await workflow.call("lab_note", { text: "x" })).outcome).toBe("ok");
    approved = askedBy(await change(refunds, document.approved));
    pending = askedBy(await change(refunds, document.pending));
    expect(await decide(world, "olga", approved, "second")).toEqual([200, "decided"]);
    expect(await decide(world, "erin", approved, "finance")).toEqual([200, "decided"]);
  });

  it("admits nothing afterwards, on any surface, and says that the call may be sent again", async () => {
    const { lab, globex, stranger } = world;
    host.gateway.signal("SIGUSR2");
    while (!host.gateway.stderr.includes("test.trapped")) await turn();
    const before = lab.arrivals.length;
    const text = { text: "x" };
    const tools = [
      ["lab_write", text],
      ["lab_vault", text],
      ["lab_execute", text],
      ["lab_amount", { amount: 1 }],
      ["lab_change_status", { code: 200 }],
    ] as const;
    const calls = await Promise.all(
      Array.from({ length: PARALLEL }, (_, n) => {
        const [tool, args] = tools[n % tools.length]!;
        return workflow.call(tool, args);
      }),
    );
    for (const outcome of calls) expect(outcome).toMatchObject(unavailable);
    // Dead is dead for every tenant.
    const other = await globex.open(stranger, "pat", { purpose: "lab" });
    expect(await other.call("lab_note", { text: "x" })).toMatchObject(unavailable);
    for (const [, mode] of ERAS) {
      const client = await mcpClient(workflow, mode);
      await client.listTools();
      const result = await client.callTool({ name: "lab_safe", arguments: { text: "x" } });
      expect(result.isError).toBe(true);
      expect(outcomeOf(result)).toMatchObject(unavailable);
      await client.close();
    }
    expect(lab.arrivals).toHaveLength(before);
    figure("refused at once", calls.length);
    // Whoever runs it hears of it once for each tenant, and not once a call.
    const told = host.gateway.stderr.split("\n").filter((line) => line.includes("policy.trapped"));
    expect(told.map((line) => JSON.parse(line) as unknown)).toEqual(
      ["acme", "globex"].map((tenant) => ({ event: "policy.trapped", tenant })),
    );

    const events = (await workflow.events()).map(({ event }) => event);
    const refused = events.filter((event) => event["code"] === "policy_unavailable");
    expect(refused).toHaveLength(PARALLEL + ERAS.length);
    expect(new Set(refused.map(({ type }) => type))).toEqual(new Set(["call.refused"]));
  });

  it("lets nobody approve whom it was not asked about before", async () => {
    const groups = ["billing-admins"];
    expect(await decide(world, "ada", pending, "finance", { groups })).toEqual([
      ...[403, "not_permitted"],
    ]);
    expect((await change(refunds, document.pending)).outcome).toBe("human_approval_required");
    expect(world.lab.document("pending").title).toBe("draft");
  });

  it("stands in the way of no kill, and lets no bundle in that it cannot judge", async () => {
    const doomed = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    const held = await lock(host, "workflow", doomed.id);
    expect(held.state).toBe("in_force");
    expect(await doomed.call("lab_note", { text: "x" })).toMatchObject({
      reason: { code: "locked" },
    });
    await unlock(host, held);
    const { code } = await host.activate("acme", world.bundle);
    expect(code).not.toBe(0);
    expect(host.gateway.alive).toBe(true);
  });

  it("is well again after a start, and what was refused may be sent again", async () => {
    await host.kill("gateway");
    await host.restart("gateway");
    await reconnected(host);
    expect((await workflow.call("lab_write", { text: "x" })).outcome).toBe("ok");
    expect((await change(refunds, document.approved)).outcome).toBe("partial_result");
    expect(world.lab.document("approved").title).toBe("x");
    expect(await decide(world, "erin", pending, "finance")).toEqual([200, "decided"]);
    expect((await host.activate("acme", world.bundle)).code).toBe(0);
  });

  it("leaves a record that verifies, and every decision of it can be made again", async () => {
    const both = [workflow, refunds];
    await recordVerifies(host, both);
    await effectsWereAllowed(world, both);
    for (const { id } of both) {
      const replayed = await host.command("workflow", "replay", id, "--json");
      expect(JSON.parse(replayed.stdout)).toMatchObject({ identical: true });
    }
    checked("I1", "I3", "I7");
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
