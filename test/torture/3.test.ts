import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Arrival } from "../acceptance/support/lab.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { figure, SEED } from "./checked.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  effectsHold,
  journal,
  recordHolds,
  toldNow,
  undecided,
} from "./witnesses.ts";

const ROUNDS = 5;
const CALLS = 48;
/** A change that the service is still about when the connector dies; and how long it would take for it. */
const SLOW = "write-1";
const SLOW_MS = 4_000;
const RECONCILED_WITHIN_S = 60;

/**
 * Torture 3: `kill -9` of the connector mid-call → the caller has `failed` or `outcome_unknown` by its
 * deadline; an idempotency key blocks a second effect.
 */
describe(`torture 3: the connector dies in the middle of calls (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  const random = new Random(SEED);
  const found = { ok: 0, failed: 0, unknown: 0, never: 0 };
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const isSlow = ({ body }: Arrival): boolean => body.includes(`"${SLOW}"`);
  const reads = (n: number): boolean => n % 3 === 0;
  const send = (workflow: Workflow, n: number): Promise<Outcome> =>
    reads(n)
      ? workflow.call("lab_note", { text: `read-${n}` })
      : workflow.call("lab_write", { text: `write-${n}` }, `key-${n}`);
  const sendAll = (workflow: Workflow): Promise<Outcome>[] =>
    Array.from({ length: CALLS }, (_, n) => send(workflow, n));

  it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    "round %i: everybody is answered, and no key ever makes a second effect",
    async (round) => {
      const { lab, acme, agent } = world;
      lab.latencyMs = (arrival) => (isSlow(arrival) ? SLOW_MS : random.integer(0, 60));
      lab.arrivals.length = 0;
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });

      const first = sendAll(workflow);
      const some = random.integer(1, CALLS / 2);
      while (lab.arrivals.length < some || !lab.arrivals.some(isSlow)) await lab.nextArrival();
      // On a fast machine all have arrived before one is answered: that must not be all we see.
      if (round % 2 === 0) await Promise.race(first);
      await host.kill("internal");
      const outcomes = await Promise.all(first);
      for (const [n, { outcome, reason }] of outcomes.entries()) {
        const ends = reads(n) ? ["ok", "failed"] : ["ok", "failed", "outcome_unknown"];
        expect(ends).toContain(outcome);
        if (outcome === "outcome_unknown") expect(reason?.code).toBe("connector_lost");
        // A mutation that failed provably did nothing.
        if (outcome === "failed" && !reads(n)) {
          expect(["connector_unavailable", "not_dispatched"]).toContain(reason?.code);
        }
      }
      found.ok += outcomes.filter(({ outcome }) => outcome === "ok").length;
      found.failed += outcomes.filter(({ outcome }) => outcome === "failed").length;
      const unknown = outcomes.filter(({ outcome }) => outcome === "outcome_unknown");
      found.unknown += unknown.length;

      // Nobody is there, and what is known already is told again.
      const meanwhile = await Promise.all(sendAll(workflow));
      for (const [n, outcome] of meanwhile.entries()) {
        if (reads(n) || outcomes[n]?.outcome === "failed") {
          expect(outcome).toMatchObject({ reason: { code: "connector_unavailable" } });
        } else {
          expect(outcome).toEqual(outcomes[n]);
        }
      }

      await host.restart("internal");
      await Promise.all([Promise.all(sendAll(workflow)), Promise.all(sendAll(workflow))]);
      const begun = journal(host, "internal");
      const unseen = unknown.filter(({ call }) => !begun.has(call));
      // What it knows of the others it says, too: nothing changes any more below.
      await until(
        "the connector says what it never saw, and what it had done",
        async () => {
          const now = byCall(await workflow.events());
          const open = undecided(host, "internal");
          return unknown.every(
            ({ call }) =>
              open.has(call) || now.get(call)?.some(({ type }) => type === "call.reconciled"),
          );
        },
        RECONCILED_WITHIN_S,
      );
      for (const { call } of unseen) {
        expect(await toldNow(workflow, call)).toMatchObject({ reason: { code: "not_dispatched" } });
      }
      found.never += unseen.length;
      const last = await Promise.all([
        Promise.all(sendAll(workflow)),
        Promise.all(sendAll(workflow)),
        Promise.all(sendAll(workflow)),
      ]);
      for (let n = 0; n < CALLS; n++) {
        if (reads(n)) continue;
        const [one, ...others] = last.map((answers) => answers[n]);
        for (const other of others) expect(other).toEqual(one);
        const arrived = lab.arrivals.filter(({ body }) => body.includes(`"write-${n}"`)).length;
        if (one?.outcome === "ok") expect(arrived, `write-${n}`).toBe(1);
        else expect(arrived, `write-${n}`).toBeLessThanOrEqual(1);
        expect(["ok", "outcome_unknown"]).toContain(one?.outcome);
      }
      const events = await workflow.events();
      effectsHold(lab.arrivals, events);
      chainHolds(workflow, events);
      await budgetHolds(workflow);
    },
  );

  it("caught calls in every state, and leaves a record that verifies", async () => {
    expect(found.ok).toBeGreaterThan(0);
    expect(found.unknown).toBeGreaterThan(0);
    figure("at the kill", JSON.stringify(found));
    await host.gateway.stop();
    await recordHolds(host);
  });
});
