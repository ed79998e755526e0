import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Lab } from "../acceptance/support/lab.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import { isChange, type Tamper } from "../acceptance/support/wire.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { type Ledger, load } from "../crash/load.ts";
import { Random } from "../crash/random.ts";
import { figure, SEED } from "./checked.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effects,
  effectsHold,
  journal,
  recordHolds,
  toldNow,
} from "./witnesses.ts";

/** Calls in flight when the gateway dies while the wire swallows what it sends. */
const CALLS = 64;
const CHANGE = "lab_change_gate";
const LEAST_IN_FLIGHT = 32;
const KILLS = 6;
/** Reads, and changes, that left the gateway before it died with its network. */
const LEAST_LOST = 3;
/** Each of the kills that take the network along has caught so many at least. */
const LEAST_CAUGHT = (LEAST_LOST * KILLS) / 2;
const RECONCILED_WITHIN_S = 60;

/**
 * Torture 1: `kill -9` of the gateway between decision and dispatch → a read is `failed`, retryable; a
 * mutation is `outcome_unknown` until the connector proves that it was never seen, then
 * `not_dispatched`; no effect.
 */
describe(`torture 1: the gateway dies between decision and dispatch (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const open = (): Promise<Workflow> => world.acme.open(world.agent, "dana", { purpose: "lab" });

  it("calls that the connector never saw: unknown until it says so, then free, and nothing happened", async () => {
    const { wire, lab } = world;
    const workflow = await open();
    await connected(workflow);
    lab.arrivals.length = 0;
    const connector = host.processes.get("internal")!;
    const before = (await admitted(workflow)).length;
    // They have half a minute, and nothing in it ends by itself before the gateway dies.
    const keys = Array.from({ length: CALLS }, (_, n) => `swallowed-${n}`);
    for (const key of keys) lab.open(key);
    const tool = (n: number): string => (n % 2 === 0 ? "lab_gate" : CHANGE);
    await wire.holding(
      () => [],
      async () => {
        const calls = keys.map((key, n) =>
          workflow.call(tool(n), { key }, `key-${n}`).catch(() => null),
        );
        const all = async (): Promise<boolean> =>
          (await admitted(workflow)).length >= before + CALLS;
        await until("admissions", all, 25);
        // What the connector cannot say while it sleeps, nobody knows.
        connector.signal("SIGSTOP");
        await host.kill("gateway");
        expect(await Promise.all(calls)).toEqual(Array(CALLS).fill(null));
      },
    );
    await host.restart("gateway");

    const events = await workflow.events();
    const stories = [...byCall(events)].slice(-CALLS);
    for (const [call, story] of stories) {
      const write = story[0]?.["tool"] === CHANGE;
      expect(await toldNow(workflow, call)).toMatchObject({
        outcome: write ? "outcome_unknown" : "failed",
        reason: { code: "interrupted" },
        ...(!write && { retryable: true }),
      });
    }
    await budgetHolds(workflow);
    const used = (await workflow.view()).used.calls;
    // Sent again under its key it is the same call; under another it could be a second effect.
    expect((await workflow.call(CHANGE, { key: keys[1] }, "key-1")).outcome).toBe(
      "outcome_unknown",
    );
    expect(await workflow.call(CHANGE, { key: keys[1] })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "effect_unknown" },
    });
    expect(lab.arrivals).toEqual([]);

    connector.signal("SIGCONT");
    const unknown = stories.filter(([, [first]]) => first?.["tool"] === CHANGE);
    await until(
      "the connector proves that it saw none of them",
      async () => {
        const now = byCall(await workflow.events());
        return unknown.every(([call]) => now.get(call)?.at(-1)?.type === "call.reconciled");
      },
      RECONCILED_WITHIN_S,
    );
    for (const [call] of unknown) {
      expect(await toldNow(workflow, call)).toMatchObject({
        outcome: "failed",
        reason: { code: "not_dispatched" },
        retryable: true,
      });
    }
    expect((await workflow.view()).used.calls).toBe(used - unknown.length);
    expect(lab.arrivals).toEqual([]);

    // What provably had no effect may be sent again, under the same key, and is done once.
    const again = await Promise.all(
      keys.map((key, n) => workflow.call(tool(n), { key }, `key-${n}`)),
    );
    expect(again.map(({ outcome }) => outcome)).toEqual(Array(CALLS).fill("ok"));
    expect(lab.arrivals).toHaveLength(CALLS);
    const after = await workflow.events();
    effectsHold(lab.arrivals, after);
    chainHolds(workflow, after);
    await budgetHolds(workflow);
    figure("calls swallowed", CALLS);
  });

  it(
    "at random moments, with many calls in flight: record, journal and service agree",
    async () => {
      const random = new Random(SEED);
      const { lab } = world;
      lab.latencyMs = () => random.integer(0, 25);
      const caught = { reads: 0, writes: 0 };
      for (let kill = 1; kill <= KILLS; kill++) {
        const workflow = await open();
        await connected(workflow);
        const earlier = byCall(await workflow.events());
        lab.arrivals.length = 0;
        const { ledger, ended } = load(workflow, random);
        await anyMoment(ledger, random, lab);
        // Every second one dies with its network: of what it sent last, nothing arrives either.
        const both = kill % 2 === 0;
        const lost = { reads: 0, writes: 0 };
        const loses: Tamper = (frame) => {
          if (!both) return [frame];
          lost[isChange(frame) ? "writes" : "reads"]++;
          return [];
        };
        await world.wire.holding(loses, async () => {
          await sleep(random.integer(0, 60));
          const enough = (): boolean => Math.min(lost.reads, lost.writes) >= LEAST_LOST;
          if (both) await until("requests of both kinds that are lost", enough, 30);
          await host.kill("gateway");
        });
        await ended;
        expect(ledger.inFlight).toBeGreaterThanOrEqual(LEAST_IN_FLIGHT);
        await host.restart("gateway");

        // Of those that had no end when it died; a connector that was slow may write until it is asked.
        const told = new Set(ledger.calls.map(({ call }) => call));
        const between = async () => {
          const stories = byCall(await workflow.events());
          const begun = journal(host, "internal");
          return [...stories].filter(
            ([call, [first]]) =>
              first?.type === "call.admitted" &&
              !begun.has(call) &&
              !told.has(call) &&
              !earlier.has(call),
          );
        };
        await until(
          "reconciliation",
          async () =>
            (await between()).every(
              ([, story]) =>
                story[0]?.["action"] !== "mutate" || story.at(-1)?.type === "call.reconciled",
            ),
          RECONCILED_WITHIN_S,
        );
        const arrived = new Set(effects(lab.arrivals).map(({ call }) => call));
        for (const [call, [first, settled, reconciled]] of await between()) {
          expect(arrived.has(call), `${call} took effect before it was sent`).toBe(false);
          if (first?.["action"] === "mutate") {
            caught.writes++;
            expect(settled).toMatchObject({ outcome: "outcome_unknown", code: "interrupted" });
            expect(reconciled).toMatchObject({
              finding: "never",
              outcome: "failed",
              code: "not_dispatched",
              calls: 0,
              cost: 0,
            });
          } else {
            caught.reads++;
            expect(settled).toMatchObject({ outcome: "failed", code: "interrupted" });
            expect(await toldNow(workflow, call)).toMatchObject({ retryable: true });
          }
        }
        const events = await workflow.events();
        effectsHold(lab.arrivals, events);
        chainHolds(workflow, events);
        await budgetHolds(workflow);
      }
      expect(Math.min(caught.reads, caught.writes)).toBeGreaterThanOrEqual(LEAST_CAUGHT);
      figure("kills", KILLS);
      figure(
        "caught between decision and dispatch",
        `${caught.reads} reads, ${caught.writes} writes`,
      );
      await host.gateway.stop();
      await recordHolds(host);
    },
    KILLS * 90_000,
  );
});

async function admitted(workflow: Workflow): Promise<readonly unknown[]> {
  return (await workflow.events()).filter(({ event }) => event.type === "call.admitted");
}

/**
 * Past the first answers, then when any request arrives: half of a batch may be out by then, and the
 * other half admitted only.
 */
async function anyMoment(ledger: Ledger, random: Random, lab: Lab): Promise<void> {
  while (ledger.calls.length === 0) await sleep(1);
  await sleep(random.integer(0, 100));
  while (ledger.inFlight < LEAST_IN_FLIGHT) await sleep(1);
  for (let skip = random.integer(0, 8); skip >= 0; skip--) await lab.nextArrival();
}
