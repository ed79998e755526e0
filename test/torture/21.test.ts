import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ERAS, mcpClient } from "../acceptance/support/mcp.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { askedBy, change, decide } from "./approvals.ts";
import { checked } from "./checked.ts";
import { effectsWereAllowed, recordVerifies } from "./invariants.ts";

/** Times 10^12 it still fits into 64 bits; one more does not, and the policy cannot be evaluated. */
const MOST = 9_223_372;
const OVERFLOWS = "context.arguments has amount && context.arguments.amount * 1000000000000 < 0";
/** Of whoever asks; the bundle's own tests, which would find it, are about other purposes. */
const ALWAYS = 'context.purpose == "refund" && 9007199254740991 * 9007199254740991 < 0';

type File = "network" | "data" | "action" | "budget" | "authority";
const ASKED: { readonly [file in File]: string } = {
  network: "connect",
  data: "disclose",
  action: "read",
  budget: "spend",
  authority: "approve",
};

/**
 * Torture 21: a `forbid` that errors → deny. Cedar itself skips a policy that it cannot evaluate, so a
 * broken `forbid` would let through what it is there to stop, and a broken `permit` next to a good one
 * would go unnoticed.
 */
describe("torture 21: a rule that cannot be evaluated", () => {
  const host = nodeHost();
  const opened: Workflow[] = [];
  let world: World;
  let workflow: Workflow;
  let n = 0;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    workflow = await open("lab");
  });
  afterEach(() => activated(world.bundle));
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  async function open(purpose = "refund"): Promise<Workflow> {
    const one = await world.acme.open(world.agent, "dana", { purpose });
    opened.push(one);
    return one;
  }

  async function activated(bundle: string): Promise<void> {
    const { code, stdout, stderr } = await host.activate("acme", bundle);
    expect(code, stdout + stderr).toBe(0);
  }

  /** Acme's bundle with one rule more. */
  async function withRule(
    file: File,
    effect: "permit" | "forbid",
    when: string,
    action = ASKED[file],
  ): Promise<void> {
    const folder = join(world.folder, `broken-${++n}`);
    cpSync(world.bundle, folder, { recursive: true });
    // The laboratory has one such rule itself.
    const actions = join(folder, "policies/action.cedar");
    writeFileSync(actions, readFileSync(actions, "utf8").replace(" * 1000000000000", ""));
    const head = `${effect} (principal, action == Action::"${action}", resource)`;
    const rule = `\n@id("broken")\n${head}\nwhen { ${when} };\n`;
    appendFileSync(join(folder, `policies/${file}.cedar`), rule);
    await activated(folder);
  }

  describe.each(["network", "action", "data", "budget"] as const)("of the class %s", (file) => {
    it.each(["forbid", "permit"] as const)(
      "(a %s) denies what it cannot judge, and nothing else",
      async (effect) => {
        await withRule(file, effect, OVERFLOWS);
        const before = world.lab.arrivals.length;
        expect(await workflow.call("lab_amount", { amount: MOST + 1 })).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "policy_error", ruleIds: ["broken"], policyClass: file },
        });
        expect(world.lab.arrivals).toHaveLength(before);
        expect((await workflow.call("lab_amount", { amount: MOST })).outcome).toBe("ok");
        expect((await workflow.call("lab_note", { text: "x" })).outcome).toBe("ok");
        expect(world.lab.arrivals).toHaveLength(before + 2);
      },
    );

    it("denies every call where it never can be evaluated, and asks no human to overrule it", async () => {
      const refunds = await open();
      await withRule(file, "forbid", ALWAYS, file === "action" ? "mutate" : undefined);
      const before = world.lab.arrivals.length;
      const denied = await change(refunds, { key: `${file}-always`, title: "x" });
      expect(denied).toMatchObject({
        outcome: "policy_denied",
        // The first class that denies is named; the others are in the record.
        reason:
          file === "network" || file === "action"
            ? { code: "policy_error", ruleIds: ["broken"] }
            : { code: "action_denied", ruleIds: ["documents-need-two"] },
      });
      const [event] = await refunds.eventsOf(denied.call);
      expect(event?.["rules"]).toMatchObject({ [file]: ["broken"] });
      expect(world.lab.arrivals).toHaveLength(before);
    });
  });

  it("of the network, keeps what it cannot judge off every list", async () => {
    const refunds = await open();
    await withRule("network", "forbid", `resource == Destination::"lab" && ${ALWAYS}`);
    for (const [, mode] of ERAS) {
      const client = await mcpClient(refunds, mode);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual([
        ...["customers_find", "invoices_correct", "invoices_list", "invoices_refund"],
      ]);
      await client.close();
    }
  });

  it("of those who approve, lets nobody approve, until it is taken away", async () => {
    const refunds = await open();
    const args = { key: "authority", title: "x" };
    await withRule("authority", "forbid", ALWAYS);
    const broken = askedBy(await change(refunds, args));
    expect(await decide(world, "erin", broken, "finance")).toEqual([403, "not_permitted"]);
    expect(await decide(world, "olga", broken, "second")).toEqual([403, "not_permitted"]);
    await activated(world.bundle);
    const asked = askedBy(await change(refunds, args));
    expect(await decide(world, "erin", asked, "finance")).toEqual([200, "decided"]);
    expect(await decide(world, "olga", asked, "second")).toEqual([200, "decided"]);
    expect((await change(refunds, args)).outcome).toBe("partial_result");
    expect(world.lab.document("authority").title).toBe("x");
  });

  it("behind the approval, denies what nobody could approve", async () => {
    const refunds = await open();
    await withRule(
      "action",
      "forbid",
      `context.approvals.contains("finance") && ${ALWAYS}`,
      "mutate",
    );
    const before = world.lab.arrivals.length;
    expect(await change(refunds, { key: "late", title: "x" })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "action_denied", ruleIds: ["documents-need-two"] },
    });
    expect(world.lab.arrivals).toHaveLength(before);
  });

  it("is in the record by its name, let nothing through, and is decided the same again", async () => {
    const events = await recordVerifies(host, opened);
    const broken = events.filter(({ event }) => event["code"] === "policy_error");
    expect(broken).toHaveLength(10);
    for (const { event } of broken) expect(event["ruleIds"]).toContain("broken");
    await effectsWereAllowed(world, opened);
    for (const { id } of opened.slice(0, 2)) {
      const replayed = await host.command("workflow", "replay", id, "--json");
      expect(JSON.parse(replayed.stdout)).toMatchObject({ identical: true });
    }
    checked("I1", "I3", "I7");
  });
});
