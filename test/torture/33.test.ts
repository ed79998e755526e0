import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Budget, Outcome, StoredEvent, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { budgetHolds, chainHolds, effectsHold, recordHolds } from "./witnesses.ts";

const CALLS = 1_000;
const BUDGET = 100;
/** Of the tool `lab_note`: what a call holds while it is out. */
const RUNTIME_MS = 5_000;
const TOKENS = 1_048_576 / 4;

type Limits = Partial<Budget>;

/** Torture 33: 1,000 parallel calls on a budget of 100 → exactly 100 admitted. */
describe("torture 33: a thousand parallel calls on a budget of a hundred", () => {
  const host = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const open = (limits: Limits): Promise<Workflow> =>
    world.acme.open(world.agent, "dana", { purpose: "lab", limits });

  it.each<[string, Limits]>([
    ["calls", { calls: BUDGET }],
    ["cost", { cost: BUDGET }],
    ["tool", { tools: { lab_note: BUDGET } }],
  ])("of %s: exactly a hundred are admitted, and each takes effect once", async (name, limits) => {
    const workflow = await open(limits);
    world.lab.arrivals.length = 0;
    const outcomes = await flood([workflow]);
    expectOnly(outcomes, `core:budget.${name}`);
    await usedUp(workflow);
    const events = await workflow.events();
    expect(admissions(events)).toBe(BUDGET);
    expect(world.lab.arrivals.length).toBeLessThanOrEqual(BUDGET);
    effectsHold(world.lab.arrivals, events);
    await hold(workflow, events, limits);
    figure(`admitted of ${CALLS}`, admissions(events));
  });

  it.each<[string, Limits]>([
    ["runtime", { runtimeMs: 3 * RUNTIME_MS }],
    ["tokens", { tokens: 3 * TOKENS }],
  ])("of %s: what is out never holds more than there is", async (name, limits) => {
    const workflow = await open(limits);
    world.lab.arrivals.length = 0;
    const outcomes = await flood([workflow]);
    expectOnly(outcomes, `core:budget.${name}`);
    await ended(workflow);
    const events = await workflow.events();
    effectsHold(world.lab.arrivals, events);
    await hold(workflow, events, limits);
    figure(`admitted of ${CALLS}, three at a time`, admissions(events));
  });

  it("by three agents of one workflow: a hundred together, and no more of its own share each", async () => {
    const { acme, helper, worker } = world;
    const root = await open({ calls: BUDGET });
    // The bundle gives a seat twenty calls at most.
    const seats = [
      root,
      await acme.seat(root, helper, { tools: ["lab_note"] }),
      await acme.seat(root, worker, { tools: ["lab_note"], limits: { calls: 7 } }),
    ];
    world.lab.arrivals.length = 0;
    const outcomes = await flood(seats);
    expectOnly(outcomes, "core:budget.calls");
    await usedUp(root);
    const events = await root.events();
    expect(admissions(events)).toBe(BUDGET);
    const of = (seat: Workflow | undefined): number =>
      events.filter(({ event }) => event.type === "call.admitted" && event["seat"] === seat?.seat)
        .length;
    expect(seats.map(of).reduce((sum, one) => sum + one, 0)).toBe(BUDGET);
    expect(of(seats[1])).toBe(20);
    expect(of(seats[2])).toBe(7);
    effectsHold(world.lab.arrivals, events);
    await hold(root, events, { calls: BUDGET });
  });

  it("while the gateway dies in the middle of them: what was charged stays charged", async () => {
    const workflow = await open({ calls: BUDGET });
    world.lab.arrivals.length = 0;
    const answered = flood([workflow], 200).then((outcomes) => outcomes.length);
    await until("some calls are out", () => world.lab.arrivals.length >= BUDGET / 4, 30);
    await host.kill("gateway");
    const survivors = await answered;
    await host.restart("gateway");
    await usedUp(workflow);
    const events = await workflow.events();
    const free = events.filter(
      ({ event }) =>
        (event.type === "call.settled" || event.type === "call.reconciled") && event["calls"] === 0,
    );
    expect(admissions(events) - free.length).toBe(BUDGET);
    effectsHold(world.lab.arrivals, events);
    await hold(workflow, events, { calls: BUDGET });
    figure("answered before the kill", survivors);
  });

  it("and the whole record verifies", async () => {
    await host.gateway.stop();
    await recordHolds(host);
  });

  const calledOnce = (workflow: Workflow, text: string): Promise<Outcome | null> =>
    workflow.call("lab_note", { text }).catch(() => null);

  async function ended(workflow: Workflow): Promise<void> {
    await until("every call has its end", async () => (await workflow.view()).inFlight === 0, 60);
  }

  /** Whoever gave up under load used nothing: others use it, until nothing is left. */
  async function usedUp(workflow: Workflow): Promise<void> {
    const used = async (): Promise<number> => (await workflow.view()).used.calls;
    const spent = async (): Promise<boolean> => {
      if ((await used()) < BUDGET) await calledOnce(workflow, "more");
      return (await used()) === BUDGET;
    };
    await until("the budget is used up", spent, 120);
    await ended(workflow);
  }

  /** All at once; a client that gives up, or whose connection breaks, hears of no outcome. */
  async function flood(seats: readonly Workflow[], calls = CALLS): Promise<readonly Outcome[]> {
    const all = await Promise.all(
      Array.from({ length: calls }, (_, n) => calledOnce(seats[n % seats.length]!, `${n}`)),
    );
    return all.filter((outcome) => outcome !== null);
  }

  /** Denied for the ceiling and nothing else; so many of a minute that some are told to wait. */
  function expectOnly(outcomes: readonly Outcome[], rule: string): void {
    const denied = outcomes.filter(({ outcome }) => outcome === "policy_denied");
    expect(denied.length).toBeGreaterThan(0);
    for (const { reason } of denied) {
      expect([reason?.code, reason?.ruleIds]).toEqual(["budget_exhausted", [rule]]);
    }
  }

  async function hold(
    workflow: Workflow,
    events: readonly StoredEvent[],
    limits: Limits,
  ): Promise<void> {
    chainHolds(workflow, events);
    neverOver(events, limits);
    await budgetHolds(workflow);
  }
});

function admissions(events: readonly StoredEvent[]): number {
  return events.filter(({ event }) => event.type === "call.admitted").length;
}

/** I4, from the record alone: what was used and what was held, at each single event of it. */
function neverOver(events: readonly StoredEvent[], limits: Limits): void {
  const charged = new Map<unknown, { readonly [counter: string]: number }>();
  for (const { event } of events) {
    if (!["call.admitted", "call.settled", "call.reconciled"].includes(event.type)) continue;
    const { cost, runtimeMs, tokens, call } = event;
    const calls = event.type === "call.admitted" ? 1 : Number(event["calls"]);
    charged.set(call, {
      ...{ calls, cost: Number(cost), runtimeMs: Number(runtimeMs), tokens: Number(tokens) },
    });
    for (const counter of ["calls", "cost", "runtimeMs", "tokens"] as const) {
      const sum = [...charged.values()].reduce((all, one) => all + Number(one[counter]), 0);
      expect(sum, `${counter} at ${event.seq}`).toBeGreaterThanOrEqual(0);
      expect(sum, `${counter} at ${event.seq}`).toBeLessThanOrEqual(limits[counter] ?? Infinity);
    }
  }
  checked("I4");
}
