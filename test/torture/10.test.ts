import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { tenantSignals } from "../acceptance/support/signals.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
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
/** Calls that wait at the service, behind both connectors, when the one goes deaf. */
const HELD = 4;

/** Torture 10: a half-open socket → found within two heartbeats. */
describe(`torture 10: one end of a socket is gone, and nobody says so (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  let workflow: Workflow;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, {
      wired: true,
      connectors: (lab) => [second(lab)],
    });
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    await connected(workflow);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it(
    "a connector that hears nothing finds another way before its lease ends, and clashes with nobody",
    { timeout: 120_000 },
    async () => {
      const { lab, wire } = world;
      const internal = host.processes.get("internal")!;
      const count = (what: string): number => internal.output.split(what).length - 1;
      let rounds = 0;
      let took = Infinity;
      // A machine that stands still for two seconds lets the lease end first: then once more.
      while (count('"half_open"') === 0 && rounds < 5) {
        const sessions = count("session_begun");
        const silenced = performance.now();
        wire.silence();
        await until("another session", () => count("session_begun") > sessions, 30);
        took = performance.now() - silenced;
        rounds++;
      }
      figure("another session after", `${Math.round(took)} ms, in round ${rounds}`);
      expect(count('"half_open"')).toBeGreaterThan(0);
      lab.open("open");
      // Two at once, so that one goes each way.
      const outcomes = await Promise.all(
        [1, 2, 3, 4].map(() => workflow.call("lab_gate", { key: "open" })),
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok"]);
      const signals = await tenantSignals(host, "acme");
      expect(signals.filter(({ signal }) => signal === "connector_clash")).toEqual([]);
    },
  );

  it(
    "after two beats no call waits for it, and no read is lost to it",
    { timeout: 120_000 },
    async () => {
      const { lab, wire } = world;
      lab.open("open");
      const calls: { readonly at: number; readonly outcome: Outcome }[] = [];
      const send = async (key: string, at: number): Promise<void> => {
        // Thirty seconds: whatever waits for the whole lease still has time to go elsewhere.
        const outcome = await workflow.call("lab_gate", { key });
        calls.push({ at, outcome });
      };
      let began = performance.now();
      // Least to do takes the next: half of these are behind the connector that will not be heard.
      const sent = Array.from({ length: HELD }, () => send("held", 0));
      await lab.waiting("held", HELD);
      // The connector hears and is not heard; its end of the wire stays open.
      wire.mangle = (frame, forward) => {
        const fromConnector =
          ["hello", "answer"].includes(frame.t) || (frame.t === "beat" && !("now" in frame));
        if (!fromConnector) forward(frame);
      };
      began = performance.now();
      lab.open("held");
      while (performance.now() - began < WATCHED_MS) {
        // Two at once: one alone would go to whichever is idle, and that may always be the other one.
        for (let n = 0; n < 2; n++) sent.push(send("open", performance.now() - began));
        await sleep(EVERY_MS);
      }
      await Promise.all(sent);
      wire.mangle = null;

      expect(new Set(calls.map(({ outcome }) => outcome.outcome))).toEqual(new Set(["ok"]));
      const events = await workflow.events();
      const stories = byCall(events);
      // Whoever waited for it had to go elsewhere in the end, and the record says so.
      const moved = calls.filter(({ outcome }) =>
        stories.get(outcome.call)?.some(({ type }) => type === "call.resent"),
      );
      const last = Math.max(...moved.map(({ at }) => at));
      expect(moved.length).toBeGreaterThan(0);
      expect(last).toBeLessThan(FOUND_MS);
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
