import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chainHeads } from "../acceptance/support/chain.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { fileSizeLimit, type SmallDisk, smallDisks } from "./small-disk.ts";

/** More than any slack that a database keeps in its files. */
const MAX_CALLS = 400;

describe.each(smallDisks())("the gateway on %s", (_, make) => {
  let disk: SmallDisk;
  let host: NodeHost;
  let world: World;
  let workflow: Workflow;
  beforeAll(async () => {
    disk = await make();
    host = nodeHost({
      wrap: disk.wrap,
      ...(disk.dataDir !== undefined && { dataDir: disk.dataDir }),
    });
    world = await startWorld("laboratory", host);
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await disk?.[Symbol.asyncDispose]();
  });

  it("admits nothing it cannot record, says so, and goes on when there is room again", async () => {
    const { lab, acme, agent, provider } = world;
    expect((await workflow.call("lab_write", { text: "room" })).outcome).toBe("ok");

    disk.fill(host.gateway.pid);
    const last = await firstUnrecorded(workflow);
    expect(last).toMatchObject({
      retryable: true,
      reason: { kind: "internal", code: "audit_unavailable" },
    });
    const effects = lab.arrivals.length;
    const refused = await Promise.all(
      Array.from({ length: 40 }, (_one, n) =>
        workflow.call(n % 2 === 0 ? "lab_note" : "lab_write", { text: String(n) }),
      ),
    );
    for (const outcome of refused) {
      expect(outcome).toEqual({
        outcome: "failed",
        call: expect.stringMatching(/^call_/),
        reason: { kind: "internal", code: "audit_unavailable", message: expect.any(String) },
        retryable: true,
      });
    }
    expect(lab.arrivals).toHaveLength(effects);
    const checkpoint = await workflow.request("PUT", "/checkpoint", { n: 1 });
    expect([checkpoint.status, (checkpoint.body as { code: string }).code]).toEqual([
      503,
      "unavailable",
    ]);
    const idToken = await provider.idToken("dana");
    const opening = await acme.redeem(agent, idToken, { purpose: "lab" });
    expect(opening.status).toBe(503);
    expect(host.gateway.alive).toBe(true);

    disk.free(host.gateway.pid);
    expect((await workflow.call("lab_write", { text: "room again" })).outcome).toBe("ok");
    expect((await workflow.request("PUT", "/checkpoint", { n: 2 })).status).toBe(200);
    // What could not be recorded was not spent either.
    expect((await acme.redeem(agent, idToken, { purpose: "lab" })).status).toBe(200);

    const events = await workflow.events();
    expect(events.map(({ hash }) => hash)).toEqual(chainHeads("acme", workflow.id, events));
    const recorded = new Set(events.map(({ event }) => event["call"]));
    for (const { call } of refused) expect(recorded.has(call)).toBe(false);
    const ends = new Map(events.map(({ event }) => [event["call"], event.type]));
    expect([...ends.values()]).not.toContain("call.admitted");
  });

  it("leaves a record that verifies", async () => {
    expect(await host.gateway.stop()).toBe(0);
    const verified = await host.command("audit", "verify", host.dataDir, "--json");
    expect(JSON.parse(verified.stdout)).toMatchObject({ sealedChecked: true, findings: [] });
    for (const line of host.gateway.stderr.trim().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) });
    }
    await host.restart("gateway");
    expect((await workflow.events()).length).toBeGreaterThan(3);
  });
});

describe("a connector whose disk is full", () => {
  it("sends nothing that its journal does not hold, and goes on when there is room again", async () => {
    const host = nodeHost();
    await using world = await startWorld("laboratory", host);
    const { lab, acme, agent } = world;
    const workflow = await acme.open(agent, "dana", { purpose: "lab" });
    const pid = host.processes.get("internal")?.pid ?? 0;
    expect((await workflow.call("lab_write", { text: "room" })).outcome).toBe("ok");
    const disk = fileSizeLimit();

    disk.fill(pid);
    let outcome = await workflow.call("lab_write", { text: "full" });
    for (let n = 0; outcome.outcome === "ok" && n < MAX_CALLS; n++) {
      outcome = await workflow.call("lab_write", { text: String(n) });
    }
    expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "audit_unavailable" } });
    const effects = lab.arrivals.length;
    expect(await workflow.call("lab_write", { text: "still full" })).toMatchObject({
      outcome: "failed",
      reason: { code: "audit_unavailable" },
    });
    expect(lab.arrivals).toHaveLength(effects);

    disk.free(pid);
    expect((await workflow.call("lab_write", { text: "room again" })).outcome).toBe("ok");
  });
});

/** Calls until one cannot be recorded. A call whose end was lost may say more than `failed`. */
async function firstUnrecorded(workflow: Workflow): Promise<Outcome> {
  for (let n = 0; n < MAX_CALLS; n++) {
    const outcome = await workflow.call("lab_note", { text: "x".repeat(2_000) });
    if (outcome.outcome !== "ok") return outcome;
  }
  throw new Error("the disk never filled up");
}
