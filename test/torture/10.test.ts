import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { Outcome } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { figure, SEED } from "./checked.ts";
import { second } from "./pair.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effectsHold,
  recordHolds,
} from "./witnesses.ts";

/** Two heartbeats, half a one on the way, and a busy machine. */
const FOUND_MS = 3_500;
/** Longer than the lease: by then everybody knows. */
const WATCHED_MS = 8_000;
const EVERY_MS = 80;
const SLOW_MS = 1_000;

/** Torture 10: a half-open socket → found within two heartbeats. */
describe(`torture 10: one end of a socket is gone, and nobody says so (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, {
      wired: true,
      connectors: (lab) => [second(lab)],
    });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it(
    "after two beats no call waits for it, and no read is lost to it",
    { timeout: 120_000 },
    async () => {
      const { lab, wire, acme, agent } = world;
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      await connected(workflow);
      lab.open("open");
      const calls: { readonly at: number; took: number; outcome: Outcome | null }[] = [];
      const send = async (): Promise<void> => {
        const one = {
          at: performance.now() - began,
          took: Infinity,
          outcome: null as Outcome | null,
        };
        calls.push(one);
        // Thirty seconds: whatever waits for the whole lease still has time to go elsewhere.
        one.outcome = await workflow.call("lab_gate", { key: "open" });
        one.took = performance.now() - began - one.at;
      };
      // The connector hears and is not heard; its end of the wire stays open.
      wire.mangle = (frame, forward) => {
        const fromConnector =
          ["hello", "answer"].includes(frame.t) || (frame.t === "beat" && !("now" in frame));
        if (!fromConnector) forward(frame);
      };
      const began = performance.now();
      const sent: Promise<void>[] = [];
      while (performance.now() - began < WATCHED_MS) {
        // Two at once: one alone would go to whichever is idle, and that may always be the other one.
        sent.push(send(), send());
        await sleep(EVERY_MS);
      }
      await Promise.all(sent);
      wire.mangle = null;

      const slow = calls.filter(({ took }) => took > SLOW_MS);
      const last = Math.max(...slow.map(({ at }) => at));
      expect(slow.length).toBeGreaterThan(0);
      expect(last).toBeLessThan(FOUND_MS);
      expect(new Set(calls.map(({ outcome }) => outcome?.outcome))).toEqual(new Set(["ok"]));
      const events = await workflow.events();
      const moved = [...byCall(events).values()].filter((story) =>
        story.some(({ type }) => type === "call.resent"),
      );
      expect(moved.length).toBeGreaterThanOrEqual(slow.length);
      figure("reads", calls.length);
      figure("moved to the other connector", moved.length);
      figure("the last that waited began after", `${Math.round(last)} ms`);
      effectsHold(lab.arrivals, events);
      chainHolds(workflow, events);
      await budgetHolds(workflow);
      await host.gateway.stop();
      await recordHolds(host);
    },
  );
});
