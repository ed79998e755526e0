import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Lab } from "../acceptance/support/lab.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { Tamper } from "../acceptance/support/wire.ts";
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
  until,
} from "./witnesses.ts";

/** Calls in flight when the gateway dies while the wire swallows what it sends. */
const CALLS = 64;
const LEAST_IN_FLIGHT = 32;
/** What the random kills have to have caught, and after how many of them that is a failure. */
const LEAST_CAUGHT = 8;
const MAX_KILLS = 20;
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
    const texts = Array.from({ length: CALLS }, (_, n) => `swallowed-${n}`);
    const tool = (n: number): string => (n % 2 === 0 ? "lab_note" : "lab_write");
    await wire.holding(
      () => [],
      async () => {
        const calls = texts.map((text, n) =>
          workflow.call(tool(n), { text }, `key-${n}`).catch(() => null),
        );
        await until("admissions", async () => (await admitted(workflow)).length >= CALLS + 1, 30);
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
      const write = story[0]?.["tool"] === "lab_write";
      expect(await toldNow(workflow, call)).toMatchObject({
        outcome: write ? "outcome_unknown" : "failed",
        reason: { code: "interrupted" },
        ...(!write && { retryable: true }),
      });
    }
    await budgetHolds(workflow);
    const before = (await workflow.view()).used.calls;
    // Sent again under its key it is the same call; under another it could be a second effect.
    expect((await workflow.call("lab_write", { text: texts[1] }, "key-1")).outcome).toBe(
      "outcome_unknown",
    );
    expect(await workflow.call("lab_write", { text: texts[1] })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "effect_unknown" },
    });
    expect(lab.arrivals).toEqual([]);

    connector.signal("SIGCONT");
    const unknown = stories.filter(([, [first]]) => first?.["tool"] === "lab_write");
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
    expect((await workflow.view()).used.calls).toBe(before - unknown.length);
    expect(lab.arrivals).toEqual([]);

    // What provably had no effect may be sent again, under the same key, and is done once.
    const again = await Promise.all(
      texts.map((text, n) => workflow.call(tool(n), { text }, `key-${n}`)),
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
      let kills = 0;
      while (Math.min(caught.reads, caught.writes) < LEAST_CAUGHT) {
        if (++kills > MAX_KILLS) throw new Error(`never caught between: ${JSON.stringify(caught)}`);
        const workflow = await open();
        await connected(workflow);
        lab.arrivals.length = 0;
        const { ledger, ended } = load(workflow, random);
        await anyMoment(ledger, random, lab);
        // Every second one dies with its network: of what it sent last, nothing arrives either.
        const loses: Tamper = kills % 2 === 0 ? () => [] : (frame) => [frame];
        await world.wire.holding(loses, async () => {
          await sleep(random.integer(0, 60));
          await host.kill("gateway");
        });
        await ended;
        expect(ledger.inFlight).toBeGreaterThanOrEqual(LEAST_IN_FLIGHT);
        await host.restart("gateway");

        const begun = journal(host, "internal");
        const between = [...byCall(await workflow.events())].filter(
          ([call, [first]]) => first?.type === "call.admitted" && !begun.has(call),
        );
        const arrived = new Set(effects(lab.arrivals).map(({ call }) => call));
        const writes = between.filter(([, [first]]) => first?.["action"] === "mutate");
        await until(
          "reconciliation",
          async () => {
            const now = byCall(await workflow.events());
            return writes.every(([call]) => now.get(call)?.at(-1)?.type === "call.reconciled");
          },
          RECONCILED_WITHIN_S,
        );
        const now = byCall(await workflow.events());
        for (const [call, [first]] of between) {
          expect(arrived.has(call), `${call} took effect before it was sent`).toBe(false);
          const [, settled, reconciled] = now.get(call) ?? [];
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
      figure("kills", kills);
      figure(
        "caught between decision and dispatch",
        `${caught.reads} reads, ${caught.writes} writes`,
      );
      await host.gateway.stop();
      await recordHolds(host);
    },
    MAX_KILLS * 30_000,
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
