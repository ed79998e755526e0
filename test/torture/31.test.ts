import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listLocks, lock, type LockView } from "../acceptance/support/locks.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { type SmallDisk, smallDisks } from "../disk/small-disk.ts";

/** More than any slack that a database keeps in its files. */
const MAX_CALLS = 400;

/** On a tmpfs the ballast gives its room back; against a limit on file sizes no room helps. */
const STATES: { readonly [disk: string]: LockView["state"] } = {
  "a full tmpfs": "in_force",
  "a file size limit": "in_force_volatile",
};

/**
 * Torture 31, and of 4 what it says of kills: a kill while the disk is down works, says
 * `in_force_volatile` only where even the ballast does not help, and its record is filled in later.
 */
describe.each(smallDisks())("torture 31: a kill while the disk is down, %s", (name, make) => {
  let disk: SmallDisk;
  let host: NodeHost;
  let world: World;
  let killed: Workflow;
  let held: LockView;
  beforeAll(async () => {
    disk = await make();
    host = nodeHost({
      wrap: disk.wrap,
      ...(disk.dataDir !== undefined && { dataDir: disk.dataDir }),
    });
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await disk?.[Symbol.asyncDispose]();
  });

  it("works: calls in flight are cut, results withheld", async () => {
    const { acme, agent, lab } = world;
    killed = await acme.open(agent, "dana", { purpose: "lab" });
    const victim = await acme.open(agent, "dana", { purpose: "lab" });
    const read = killed.call("lab_gate", { key: "full" });
    await lab.waiting("full");

    disk.fill(host.gateway.pid);
    const full = async (): Promise<boolean> => {
      const { reason } = await victim.call("lab_note", { text: "x".repeat(2_000) });
      return reason?.code === "audit_unavailable";
    };
    for (let n = 0; !(await full());)
      if (++n > MAX_CALLS) throw new Error("the disk never filled up");
    held = await lock(host, "workflow", killed.id, "--no-wait");
    expect(held.state).toBe(STATES[name]);
    expect(held.calls).toBe(1);
    // Its end cannot be recorded either, so its result does not leave.
    expect((await read).outcome).toBe("failed");
    expect((await listLocks(host)).locks).toMatchObject([{ lock: held.lock, drainedAt: null }]);
  });

  it("works again and again: the ballast is taken back as far as there is room", async () => {
    for (let n = 0; n < 5; n++) {
      const more = await lock(host, "tool", `lab_more_${n}`, "--no-wait");
      expect(more.state).toBe(STATES[name]);
    }
  });

  it("holds when there is room again: recorded, drained, and over the death of the gateway", async () => {
    if (held.state === "in_force") {
      await host.kill("gateway");
      disk.free(host.gateway.pid);
      await host.restart("gateway");
    } else {
      disk.free(host.gateway.pid);
    }
    expect(await killed.call("lab_note", { text: "x" })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "locked", ruleIds: [`lock:${held.lock}`] },
    });
    // What the full disk kept out of the record is tried again, every second.
    const drained = async (): Promise<boolean> =>
      (await listLocks(host)).locks.every(({ drainedAt }) => drainedAt !== null);
    await until("every call has its end", drained, 60);
    const { locks } = await listLocks(host);
    expect(locks).toHaveLength(6);
    for (const one of locks) {
      expect(one).toMatchObject({ state: "in_force", drainedAt: expect.any(String) });
    }
    const [, admitted, settled] = (await killed.events()).map(({ event }) => event);
    expect(settled).toMatchObject({ type: "call.settled", call: admitted?.["call"] });
    expect(settled?.["outcome"]).toBe("policy_denied");
    await host.gateway.stop();
    const verified = await host.command("audit", "verify", host.dataDir, "--json");
    expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [] });
    checked("I2", "I3");
    figure("state", held.state);
  });
});
