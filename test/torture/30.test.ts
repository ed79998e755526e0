import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chainHeads } from "../acceptance/support/chain.ts";
import { listLocks, lock } from "../acceptance/support/locks.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";

const WORKFLOWS = 5;
/** Of each workflow, half of them reads: 500 in all, which one connector takes. */
const CALLS = 100;
/** What the laboratory takes at once, as its connector has it; the other calls wait there. */
const AT_THE_SERVICE = 96;
const CUT_WITHIN_MS = 2_000;

/**
 * Torture 30: kill during 500 calls in flight → 0 admits after the acknowledgement, streams cut within
 * 2 s, each call's final state recorded.
 */
describe("torture 30: a kill during 500 calls in flight", () => {
  const host = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it("admits nothing after its acknowledgement, cuts in time, and each call has its final state", async () => {
    const { acme, agent, lab } = world;
    const open = (): Promise<Workflow> => acme.open(agent, "dana", { purpose: "lab" });
    const workflows = await Promise.all(Array.from({ length: WORKFLOWS }, open));
    const calls = workflows.flatMap((workflow) =>
      Array.from({ length: CALLS }, (_, n) =>
        workflow.call(n % 2 === 0 ? "lab_gate" : "lab_change_gate", { key: `k-${n % 2}-${n}` }),
      ),
    );
    const gated = (): number => lab.arrivals.filter(({ path }) => path.startsWith("/gate/")).length;
    while (gated() < AT_THE_SERVICE || (await admissions(workflows)) < WORKFLOWS * CALLS) {
      await turn();
    }
    const reached = gated();

    // Others keep asking while it happens: they were told `ok` before, and `locked` after.
    const asking = ask(workflows);
    const held = await lock(host, "agent", "support-agent");
    const acknowledged = Date.now();
    const asked = await asking;
    const outcomes = await Promise.all(calls);
    expect(Date.now() - acknowledged).toBeLessThan(CUT_WITHIN_MS);
    expect(held.calls).toBeGreaterThanOrEqual(WORKFLOWS * CALLS);
    expect(Date.parse(String(held.drainedAt)) - Date.parse(held.inForceAt)).toBeLessThan(
      CUT_WITHIN_MS,
    );

    const ruleIds = [`lock:${held.lock}`];
    for (const [n, outcome] of outcomes.entries()) {
      if (n % 2 === 0) {
        expect(outcome).toMatchObject({ outcome: "policy_denied", reason: { ruleIds } });
      } else {
        expect(outcome).toMatchObject({
          outcome: "outcome_unknown",
          reason: { code: "interrupted" },
        });
      }
    }
    expect(asked).toContain("locked");
    // Nobody took the place of a call that was cut.
    expect(gated()).toBe(reached);

    for (const workflow of workflows) {
      const events = await workflow.events();
      expect(events.map(({ hash }) => hash)).toEqual(chainHeads("acme", workflow.id, events));
      const all = events.map(({ event }) => event);
      const admitted = all.filter(({ type }) => type === "call.admitted");
      const settled = all.filter(({ type }) => type === "call.settled");
      expect(admitted.length).toBeGreaterThanOrEqual(CALLS);
      expect(settled.map((event) => String(event["call"])).sort()).toEqual(
        admitted.map((event) => String(event["call"])).sort(),
      );
      const late = admitted.filter(({ at }) => at > Date.parse(held.inForceAt));
      expect(late).toEqual([]);
    }
    expect((await listLocks(host)).locks).toMatchObject([{ lock: held.lock }]);
    checked("I2", "I3");
    figure("calls in flight", held.calls);
    figure(
      "drained after",
      `${Date.parse(String(held.drainedAt)) - Date.parse(held.inForceAt)} ms`,
    );
  });

  /** Asked over HTTP: the calls wait for no more than half a minute, and a command takes seconds of it. */
  async function admissions(workflows: readonly Workflow[]): Promise<number> {
    const records = await Promise.all(workflows.map((workflow) => workflow.events()));
    return records.flat().filter(({ event }) => event.type === "call.admitted").length;
  }

  /** Until each of them has heard of the lock. */
  function ask(workflows: readonly Workflow[]): Promise<readonly string[]> {
    const codes: string[] = [];
    return Promise.all(
      workflows.map(async (workflow) => {
        for (;;) {
          const { outcome, reason } = await workflow.call("lab_note", { text: "x" });
          codes.push(reason?.code ?? outcome);
          if (reason?.code === "locked") return;
        }
      }),
    ).then(() => codes);
  }
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
