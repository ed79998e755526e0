import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Agent } from "../acceptance/support/keys.ts";
import { lock } from "../acceptance/support/locks.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { OAuthRefusal, SeatWish, Wish } from "../acceptance/support/tenant.ts";
import { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { checked, figure, SEED } from "./checked.ts";
import { crowd } from "./crowd.ts";
import { budgetsHold, effectsWereAllowed, recordVerifies } from "./invariants.ts";

/** What no trust and no bundle opens: seats of a workflow with the root's, children of one, hops. */
const SEATS = 64;
const FAN_OUT = 16;
const HOPS = 8;
/** Seats that are asked for at once, by whoever has one by then. */
const BOMB = 200;
const CALLS_EACH = 4;
const BUDGET = 50;
/** Forty seats at once are given within it, also by a machine with other things to do. */
const SHORT_MS = 4_000;

/** Torture 34: A→B→A recursion and fan-out bomb → stopped at the caps, charged to the root. */
describe("torture 34: agents that call on agents", () => {
  const host = nodeHost();
  const random = new Random(SEED);
  const opened: Workflow[] = [];
  let world: World;
  let agents: readonly Agent[];
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    agents = await crowd(world, host, FAN_OUT + 1);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  async function open(wish: Partial<Wish> = {}): Promise<Workflow> {
    const one = await world.acme.open(world.agent, "dana", { purpose: "lab", ...wish });
    opened.push(one);
    return one;
  }

  /** The seat, or the rule that refused it. */
  async function give(
    giver: Workflow,
    taker: Agent,
    ask: SeatWish = {},
  ): Promise<Workflow | string> {
    const answer = await world.acme.delegate(giver, taker, ask);
    if (answer.status === 200) return Workflow.from(world.acme, taker, answer);
    const { error, outcome } = answer.body as OAuthRefusal;
    const { reason } = (outcome ?? {}) as { readonly reason?: { readonly ruleIds: string[] } };
    return reason?.ruleIds.join(" ") ?? error;
  }
  const isSeat = (given: Workflow | string): given is Workflow => typeof given !== "string";
  const granted = async (one: Workflow): Promise<number> =>
    (await one.events()).filter(({ event }) => event.type === "seat.granted").length;

  it("A→B→A is refused, however many stand in between, and A→B→C is not", async () => {
    const { agent, helper, worker } = world;
    const root = await open();
    expect(await give(root, agent)).toBe("core:cycle");
    const second = await give(root, helper);
    if (!isSeat(second)) return expect.fail(second);
    expect(await give(second, agent)).toBe("core:cycle");
    expect(await give(second, helper)).toBe("core:cycle");
    let chain = second;
    for (const next of [worker, ...agents.slice(0, 3)]) {
      const given = await give(chain, next);
      if (!isSeat(given)) return expect.fail(given);
      chain = given;
      for (const above of [agent, helper]) expect(await give(chain, above)).toBe("core:cycle");
    }
    expect(await chain.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
  });

  it("a tool that is an agent and calls itself is refused at the second turn", async () => {
    const { acme, worker, lab } = world;
    const root = await open();
    const outer = root.call("lab_ask", { key: "outer" });
    await lab.waiting("outer");
    const token = (key: string): string =>
      String(lab.arrivalsAt(`/gate/${key}`)[0]?.headers["txn-token"]);
    const seat = Workflow.from(acme, worker, await acme.exchangeCall(worker, token("outer")));
    expect(await seat.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
    const inner = seat.call("lab_ask", { key: "inner" });
    await lab.waiting("inner");
    const { status, body } = await acme.exchangeCall(worker, token("inner"));
    expect([status, (body as OAuthRefusal).outcome]).toMatchObject([
      400,
      { reason: { code: "delegation_denied", ruleIds: ["core:cycle"] } },
    ]);
    for (const key of ["inner", "outer"]) lab.open(key);
    expect((await Promise.all([outer, inner])).map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
    // All three are the root's.
    expect((await root.view()).used.calls).toBe(3);
  });

  it("a chain ends after eight hops, and what its end does is charged to all of them", async () => {
    const root = await open();
    const chain = [root];
    for (const next of agents.slice(0, HOPS)) {
      const given = await give(chain.at(-1)!, next);
      if (!isSeat(given)) return expect.fail(given);
      chain.push(given);
    }
    const end = chain.at(-1)!;
    expect(await give(end, agents[HOPS]!)).toBe("core:hops");
    const outcome = await end.call("lab_note", { text: "x" });
    expect(outcome).toMatchObject({ outcome: "ok" });
    const [admitted] = await root.eventsOf(outcome.call);
    expect(admitted?.["chain"]).toEqual([
      ...agents
        .slice(0, HOPS)
        .map(({ id }) => id)
        .toReversed(),
      "support-agent",
    ]);
    expect((await root.view()).used.calls).toBe(1);
  });

  it("a bomb of one agent gives sixteen seats, also when it throws them all at once", async () => {
    const root = await open();
    const takers = Array.from({ length: 40 }, (_, n) => agents[n % agents.length]!);
    const given = await Promise.all(takers.map((taker) => give(root, taker, { lifeMs: SHORT_MS })));
    const seats = given.filter(isSeat);
    expect(seats).toHaveLength(FAN_OUT);
    expect(new Set(given.filter((one) => !isSeat(one)))).toEqual(new Set(["core:fan-out"]));
    // Nor does a short life make room for the next salvo.
    const [first] = seats;
    const note = { tool: "lab_note", arguments: { text: "x" } };
    while ((await first!.request("POST", "/calls", note)).status === 200) await sleep(50);
    expect(await give(root, agents[0]!)).toBe("core:fan-out");
    expect(await granted(root)).toBe(FAN_OUT);
    // Another workflow has room.
    expect(isSeat(await give(await open(), agents[0]!))).toBe(true);
  });

  it("a bomb of all of them stops at sixty-four seats, and they spend what the root has", async () => {
    const root = await open({ limits: { calls: BUDGET } });
    const seats = [root];
    const refused: { [rule: string]: number } = {};
    for (let thrown = 0; thrown < BOMB || seats.length < SEATS;) {
      const salvo = Array.from({ length: 10 }, () =>
        give(seats[random.integer(0, seats.length - 1)]!, agents[random.integer(0, FAN_OUT)]!, {
          limits: { calls: 1_000_000 },
        }),
      );
      thrown += salvo.length;
      for (const given of await Promise.all(salvo)) {
        if (isSeat(given)) seats.push(given);
        else refused[given] = (refused[given] ?? 0) + 1;
      }
    }
    expect(seats).toHaveLength(SEATS);
    expect(await granted(root)).toBe(SEATS - 1);
    expect(Object.keys(refused)).toContain("core:seats");
    for (const [rule, count] of Object.entries(refused)) figure(rule, count);

    const { lab } = world;
    const before = lab.arrivals.length;
    const calls = await Promise.all(
      seats.flatMap((seat) =>
        Array.from({ length: CALLS_EACH }, () => seat.call("lab_note", { text: "x" })),
      ),
    );
    const told: { [code: string]: number } = {};
    for (const { outcome, reason } of calls) {
      const code = reason?.code ?? outcome;
      told[code] = (told[code] ?? 0) + 1;
    }
    expect(told).toEqual({ ok: BUDGET, budget_exhausted: SEATS * CALLS_EACH - BUDGET });
    expect(lab.arrivals).toHaveLength(before + BUDGET);
    expect((await root.view()).used.calls).toBe(BUDGET);
    figure("calls", `${BUDGET} of ${calls.length}`);

    // One lock ends them all.
    await lock(host, "workflow", root.id);
    for (const seat of seats.slice(-5)) {
      expect(await seat.call("lab_note", { text: "x" })).toMatchObject({
        reason: { code: "locked" },
      });
    }
  });

  it("leaves budgets that hold, a record that verifies, and no effect without its admission", async () => {
    await recordVerifies(host, opened);
    await budgetsHold(opened);
    await effectsWereAllowed(world, opened);
    checked("I1", "I2", "I3", "I4", "I7");
  });
});
