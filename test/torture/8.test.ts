import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { figure, SEED } from "./checked.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effectsHold,
  journal,
  recordHolds,
  toldNow,
} from "./witnesses.ts";

const LEASE_S = 5;
/** A beat more at either end, and time for a busy machine. */
const SLACK_S = 2;
/** Two beats and a half; from then on nobody waits. */
const SILENT_S = 2.5;
const AT_ONCE_MS = 1_000;

/** Torture 8: a partition → calls fail fast; the connector fences itself when its lease ends (≤ 5 s). */
describe(`torture 8: gateway and connector lose each other (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it("calls fail fast, both ends give up within the lease, and what was unknown is found out", async () => {
    const { lab, wire, acme, agent } = world;
    const workflow = await acme.open(agent, "dana", { purpose: "lab" });
    await connected(workflow);
    const read = workflow.call("lab_gate", { key: "read" });
    const write = workflow.call("lab_change_gate", { key: "write" });
    await Promise.all([lab.waiting("read"), lab.waiting("write")]);

    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1_000;
    // When it happens, and not when somebody gets round to looking.
    const fenced = Promise.all([lab.dropped("read"), lab.dropped("write")]).then(seconds);
    // No socket is closed, and nothing arrives.
    wire.mangle = () => undefined;
    const swallowed = workflow.call("lab_change_gate", { key: "swallowed" });
    const answered = Promise.all([read, write, swallowed]).then(seconds);

    let silentAfter = 0;
    await until(
      "a call that fails at once",
      async () => {
        const sent = performance.now();
        const { reason } = await workflow.call("lab_write", { text: `t-${sent}` });
        silentAfter = seconds();
        return reason?.code === "connector_unavailable" && performance.now() - sent < AT_ONCE_MS;
      },
      LEASE_S + SLACK_S + 5,
    );
    const fencedAfter = await fenced;
    expect(fencedAfter).toBeLessThan(LEASE_S + SLACK_S);
    expect(fencedAfter).toBeGreaterThan(SILENT_S);
    expect(await read).toMatchObject({ outcome: "failed", reason: { code: "connector_lost" } });
    const [unknown, unseen] = await Promise.all([write, swallowed]);
    for (const outcome of [unknown, unseen]) {
      expect(outcome).toMatchObject({ outcome: "outcome_unknown" });
    }
    expect(await answered).toBeLessThan(LEASE_S + SLACK_S + 1);
    figure("calls fail at once after", `${silentAfter.toFixed(1)} s`);
    figure("the connector has given up after", `${fencedAfter.toFixed(1)} s`);

    wire.mangle = null;
    lab.open("read");
    lab.open("write");
    await connected(workflow);
    expect(journal(host, "internal").has(unseen.call)).toBe(false);
    await until(
      "the connector says that it never saw it",
      async () =>
        byCall(await workflow.events())
          .get(unseen.call)
          ?.at(-1)?.type === "call.reconciled",
      30,
    );
    expect(await toldNow(workflow, unseen.call)).toMatchObject({
      reason: { code: "not_dispatched" },
    });
    expect(lab.arrivalsAt("/gate/swallowed")).toEqual([]);
    const events = await workflow.events();
    effectsHold(lab.arrivals, events);
    chainHolds(workflow, events);
    await budgetHolds(workflow);
    await host.gateway.stop();
    await recordHolds(host);
  });
});
