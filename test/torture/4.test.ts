import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listLocks, lock, type LockView } from "../acceptance/support/locks.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { type SmallDisk, smallDisks } from "../disk/small-disk.ts";
import { checked, figure, SEED } from "./checked.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effectsHold,
  recordHolds,
} from "./witnesses.ts";

const CALLERS = 48;
/** Of each caller, in a row: none may be let through by luck. */
const REFUSED = 4;

/**
 * Torture 4: disk full → `failed` `audit_unavailable`, nothing admitted; a kill is durable all the same
 * (ballast), and holds over a restart.
 */
describe.each(smallDisks())(`torture 4: the disk is full, %s (seed ${SEED})`, (name, make) => {
  const random = new Random(SEED);
  /** On a tmpfs the ballast gives its room back; against a limit on file sizes no room helps. */
  const durable = name === "a full tmpfs";
  /** What clients were told, in the order in which they were told it. */
  const told: Outcome[] = [];
  let disk: SmallDisk;
  let host: NodeHost;
  let world: World;
  let workflow: Workflow;
  let killed: Workflow;
  let held: LockView;
  beforeAll(async () => {
    disk = await make();
    host = nodeHost({
      wrap: disk.wrap,
      ...(disk.dataDir !== undefined && { dataDir: disk.dataDir }),
    });
    world = await startWorld("laboratory", host);
    world.lab.latencyMs = () => random.integer(0, 20);
    const { acme, agent } = world;
    workflow = await acme.open(agent, "dana", { purpose: "lab" });
    killed = await acme.open(agent, "dana", { purpose: "lab" });
    await connected(workflow);
    world.lab.arrivals.length = 0;
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await disk?.[Symbol.asyncDispose]();
  });

  it("at a random moment, with many calls in flight: each is answered, and then none is admitted", async () => {
    const { lab } = world;
    let full = false;
    const caller = async (n: number): Promise<void> => {
      for (let turn = 0, refused = 0; refused < REFUSED; turn++) {
        const after = full;
        const tool = random.next() < 0.5 ? "lab_note" : "lab_write";
        // Long enough to need new pages of the database soon.
        const text = `${n}-${turn} ${"x".repeat(1_500)}`;
        const outcome = await workflow.call(tool, { text });
        told.push(outcome);
        const unavailable = outcome.reason?.code === "audit_unavailable";
        if (after && unavailable && outcome.outcome === "failed") refused++;
        else if (outcome.outcome !== "ok") expect(unavailable, JSON.stringify(outcome)).toBe(true);
      }
    };
    const all = Promise.all(Array.from({ length: CALLERS }, (_, n) => caller(n)));
    while (told.length === 0) await sleep(1);
    await sleep(random.integer(0, 300));
    disk.fill(host.gateway.pid);
    full = true;
    await all;

    const before = lab.arrivals.length;
    const refused = await Promise.all(
      Array.from({ length: CALLERS }, (_, n) =>
        workflow.call(n % 2 === 0 ? "lab_note" : "lab_write", { text: "refused" }),
      ),
    );
    for (const outcome of refused) {
      expect(outcome).toMatchObject({
        outcome: "failed",
        reason: { code: "audit_unavailable" },
        retryable: true,
      });
    }
    expect(lab.arrivals).toHaveLength(before);
    figure("calls answered", told.length);
  });

  it("is no way around a kill: it is in force at once", async () => {
    held = await lock(host, "workflow", killed.id, "--no-wait");
    expect(held.state).toBe(durable ? "in_force" : "in_force_volatile");
    const { arrivals } = world.lab;
    const before = arrivals.length;
    const outcomes = await Promise.all(
      Array.from({ length: CALLERS }, () => killed.call("lab_write", { text: "too late" })),
    );
    // Denied or not even that can be recorded: never admitted.
    for (const { outcome, reason } of outcomes) {
      expect(["policy_denied locked", "failed audit_unavailable"]).toContain(
        `${outcome} ${reason?.code}`,
      );
    }
    expect(arrivals).toHaveLength(before);
    checked("I2");
    figure("state", held.state);
  });

  // Against a limit of the process no restart is a fault: the next one has none.
  it.runIf(durable)(
    "the gateway dies with the disk still full: what comes back admits nothing",
    async () => {
      const { arrivals } = world.lab;
      const before = arrivals.length;
      await host.kill("gateway");
      const back = await host.restart("gateway").then(
        () => true,
        () => false,
      );
      figure("starts on a full disk", String(back));
      if (back) {
        for (const one of [killed, workflow]) {
          const answer = await one.request("POST", "/calls", {
            tool: "lab_write",
            arguments: { text: "still full" },
          });
          expect((answer.body as Outcome).outcome).not.toBe("ok");
        }
        await host.kill("gateway");
      }
      expect(arrivals).toHaveLength(before);
    },
  );

  it("with room again the kill holds, over a restart, and the record is whole", async () => {
    disk.free(host.gateway.pid);
    if (durable) await host.restart("gateway");
    await connected(workflow);
    expect(await killed.call("lab_note", { text: "x" })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "locked", ruleIds: [`lock:${held.lock}`] },
    });
    await host.kill("gateway");
    await host.restart("gateway");
    expect((await listLocks(host)).locks).toMatchObject([{ lock: held.lock, state: "in_force" }]);
    expect(await killed.call("lab_note", { text: "x" })).toMatchObject({
      reason: { code: "locked" },
    });
    checked("I2");

    const events = await workflow.events();
    const stories = byCall(events);
    for (const { call, outcome, reason } of told) {
      const story = stories.get(call);
      if (outcome === "ok") expect(story?.at(-1), call).toMatchObject({ outcome });
      // Refused without a trace, or admitted before: then its end was found later.
      else if (story !== undefined) {
        expect(story.length, `${call} ${reason?.code}`).toBeGreaterThan(1);
      }
    }
    effectsHold(world.lab.arrivals, events);
    chainHolds(workflow, events);
    await budgetHolds(workflow);
    await host.gateway.stop();
    await recordHolds(host);
  });
});
