import { replay } from "../../src/core/audit/replay.ts";
import { mac, sha256 } from "../../src/core/testing.ts";
import { Actors } from "./actions.ts";
import type { Bug } from "./bugs.ts";
import type { Disk } from "./disk.ts";
import { Random } from "./random.ts";
import { scriptedRules } from "./rules.ts";
import { promise, Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Steps of one seed before everything comes to rest. */
export const STEPS = 600;
/** Steps that coming to rest may take. */
const MAX_REST = 4_000;
const MAX_JUMP_MS = 5 * 60_000;
/** Some seeds meet an agent that fills every cap there is; it is too slow for all of them. */
const FLOODED = 40;
/** Early, before a lock could stop it. */
const FLOOD_AT = 3;

export interface Run {
  readonly seed: number;
  readonly steps: number;
  readonly crashes: number;
  readonly events: number;
  /** How often each event type, code and signal occurred. */
  readonly counts: ReadonlyMap<string, number>;
  /** What is on the disk at the end: each workflow's record with the inputs of its decisions. */
  readonly workflows: Disk["workflows"];
}

/** One seed, from an empty disk to rest. Throws a Violation, which names the promise. */
export function simulate(seed: number, bug: Bug | null = null): Run {
  const random = new Random(seed);
  const world = new World(random, bug);
  const actors = new Actors(world);
  const crashAt = random.int(STEPS);
  for (let n = 0; n < 3; n++) actors.open();
  world.commit();
  let steps = 0;
  for (; steps < STEPS; steps++) {
    if (steps === crashAt) world.crash();
    else if (steps === FLOOD_AT && seed % FLOODED === 0) actors.flood();
    else step(world, actors);
  }
  rest(world);
  const events = judge(world);
  const { crashes, counts } = world;
  return { seed, steps, crashes, events, counts, workflows: world.disk.workflows };
}

/** Whatever can happen next may: this is the scheduler. */
function step(world: World, actors: Actors): void {
  const { random } = world;
  world.time += random.int(40);
  const busy = world.connectors.filter((one) => one.busy);
  const action = random.weighted({
    call: 22,
    commit: world.gateway.pending > 0 ? 30 : 0,
    deliver: world.inTransit ? 26 : 0,
    work: busy.length > 0 ? 22 : 0,
    decide: 11,
    small: 5,
    seat: 3,
    open: 2.5,
    beat: 8,
    lock: 2,
    reconcile: 1.5,
    timeOut: world.waiting ? 1 : 0,
    pass: 1.5,
    hammer: 0.25,
    trespass: 0.5,
    jump: 0.5,
    vouch: world.vouching ? 0.3 : 12,
    loseConnector: 1.2,
    crash: 0.15,
  });
  switch (action) {
    case "call":
      return actors.call();
    case "commit":
      return world.commit();
    case "deliver":
      return world.deliver();
    case "work":
      return world.work(random.pick(busy));
    case "decide":
      return actors.decide();
    case "small":
      return actors.smallThings();
    case "seat":
      return actors.seat();
    case "open":
      return actors.open();
    case "beat":
      // Lost for one of them now and then; all of them is what usually happens.
      for (const one of world.connectors) if (random.chance(0.9)) world.beat(one);
      return;
    case "lock":
      return actors.lock();
    case "reconcile":
      return world.reconcile();
    case "timeOut":
      return world.timeOut();
    case "pass":
      world.time += random.int(6_000);
      return;
    case "hammer":
      return actors.hammer();
    case "trespass":
      return actors.trespass();
    case "jump":
      return world.jump(random.int(2 * MAX_JUMP_MS) - MAX_JUMP_MS);
    case "vouch":
      world.vouching = !world.vouching;
      return;
    case "loseConnector":
      return world.loseConnector(random.pick(world.connectors));
    case "crash":
      return world.crash();
  }
}

/** Nothing new is asked for: what is under way ends, and every call has its durable end. */
function rest(world: World): void {
  world.vouching = true;
  for (let n = 0; n < MAX_REST; n++) {
    const busy = world.connectors.filter((one) => one.busy);
    if (world.gateway.pending > 0) world.commit();
    else if (world.inTransit) world.deliver();
    else if (busy.length > 0) world.work(world.random.pick(busy));
    else if (world.waiting) {
      world.time += 5_000;
      world.timeOut();
    } else if (world.settled()) return;
    else world.crash();
  }
  throw new Violation("P11", "a call never ended");
}

/** P8: every decision again, from what is on the disk alone. */
function judge(world: World): number {
  let events = 0;
  for (const [workflow, entries] of world.disk.workflows) {
    const { tenant } = entries[0]!;
    const replayed = replay({
      tenant,
      workflow,
      events: entries.map(({ stored }) => stored),
      inputs: new Map(entries.map(({ stored, input }) => [stored.seq, input])),
      bundleOf: () => ({ view: world.bundle(tenant), evaluator: scriptedRules }),
      hash: sha256,
      mac,
    });
    promise("P8", replayed.identical, () => JSON.stringify(replayed));
    events += entries.length;
  }
  return events;
}
