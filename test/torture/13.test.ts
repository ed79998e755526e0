import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import { type Frame, isChange, type Mangle } from "../acceptance/support/wire.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { figure, SEED } from "./checked.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effectsHold,
  recordHolds,
} from "./witnesses.ts";

const CALLS = 64;
/** Late enough to be overtaken, well within the time of any call. */
const LATE_MS = 40;

/** Torture 13: frames duplicated or reordered on the tunnel → no second effect. */
describe(`torture 13: frames come twice, late and in any order (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  const random = new Random(SEED);
  const open = (): Promise<Workflow> => world.acme.open(world.agent, "dana", { purpose: "lab" });
  const soon = (): number => random.integer(0, 20);
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    world.lab.latencyMs = soon;
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** Only what one call is made of: out of turn, the frames of a handshake end it. */
  const ofCalls = (mangle: Mangle): Mangle => {
    return (frame, send) =>
      frame.t === "request" || frame.t === "answer" ? mangle(frame, send) : send(frame);
  };
  const late = (work: () => void): void => {
    setTimeout(work, random.integer(0, LATE_MS));
  };
  let copies = 0;
  const renamed = (frame: Frame): Frame => ({ ...frame, id: `copy-${++copies}` });

  it.each<[string, Mangle]>([
    ["every frame is late, in any order", (frame, send) => late(() => send(frame))],
    [
      "every answer comes three times",
      (frame, send) => {
        send(frame);
        if (frame.t === "answer") for (let n = 0; n < 2; n++) late(() => send(frame));
      },
    ],
    [
      "every request comes again, later, under another id",
      (frame, send) => {
        send(frame);
        if (frame.t === "request") late(() => send(renamed(frame)));
      },
    ],
    [
      "copies under another id overtake some of the requests",
      (frame, send) => {
        if (frame.t === "request" && random.next() < 0.3) send(renamed(frame));
        late(() => send(frame));
      },
    ],
    [
      "every request comes again when it was answered",
      (frame, send) => {
        send(frame);
        if (frame.t === "request") setTimeout(() => send(frame), 400);
      },
    ],
  ])("%s: each call its own answer, each effect once", async (_, mangle) => {
    const { wire, lab } = world;
    const workflow = await open();
    await connected(workflow);
    lab.arrivals.length = 0;
    wire.mangle = ofCalls(mangle);
    const outcomes = await burst(workflow);
    // Whatever still comes late comes before the answer to this.
    await new Promise((resolve) => setTimeout(resolve, 500));
    wire.mangle = null;
    await connected(workflow);
    await hold(workflow, outcomes);
  });

  it("a frame twice in a row ends the session: what is unknown by then happened once or not at all", async () => {
    const { wire, lab } = world;
    const workflow = await open();
    await connected(workflow);
    lab.arrivals.length = 0;
    lab.latencyMs = () => 100;
    let sent = 0;
    // A change: whoever sees its frame twice has not answered it yet, so that its end is sure to be unknown.
    wire.mangle = ofCalls((frame, send) => {
      send(frame);
      if (!isChange(frame)) return;
      sent++;
      if (sent === CALLS / 4 || (sent > CALLS / 8 && random.next() < 0.1)) send(frame);
    });
    const outcomes = await burst(workflow);
    wire.mangle = null;
    lab.latencyMs = soon;
    await connected(workflow);
    expect(outcomes.map(({ outcome }) => outcome)).toContain("outcome_unknown");
    await hold(workflow, outcomes);
  });

  it("a frame of a session that is over does nothing in the next one, whatever was sent again meanwhile", async () => {
    const { wire, lab } = world;
    const workflow = await open();
    await connected(workflow);
    lab.arrivals.length = 0;
    const kept: Frame[] = [];
    const first = await wire.holding(
      (frame) => {
        kept.push(frame);
        if (kept.length === CALLS) setImmediate(() => wire.cut());
        return [];
      },
      () => burst(workflow),
    );
    expect(kept).toHaveLength(CALLS);
    const writes = first.filter((_, n) => n % 2 === 1);
    for (const outcome of writes) {
      expect(outcome).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "connector_lost" },
      });
    }
    await until(
      "the connector proves that it saw none of them",
      async () => {
        const calls = byCall(await workflow.events());
        return writes.every(({ call }) => calls.get(call)?.at(-1)?.["code"] === "not_dispatched");
      },
      60,
    );
    await connected(workflow);
    lab.arrivals.length = 0;
    const again = await burst(workflow);
    expect(again.map(({ outcome }) => outcome)).toEqual(Array(CALLS).fill("ok"));
    const arrived = lab.arrivals.length;
    for (const frame of shuffled(kept)) wire.inject(renamed(frame));
    await connected(workflow);
    expect(lab.arrivals).toHaveLength(arrived + 1);
    await hold(workflow, again);
    figure("frames of an earlier session", kept.length);
  });

  it("leaves a record that verifies", async () => {
    await host.gateway.stop();
    await recordHolds(host);
  });

  function burst(workflow: Workflow): Promise<Outcome[]> {
    return Promise.all(
      Array.from({ length: CALLS }, (_, n) =>
        workflow.call(n % 2 === 0 ? "lab_note" : "lab_write", { text: `text-${n}` }),
      ),
    );
  }

  /** What each was told is what the service saw. */
  async function hold(workflow: Workflow, outcomes: readonly Outcome[]): Promise<void> {
    const { lab } = world;
    const ends: Record<string, number> = {};
    for (const [n, { outcome, reason, result }] of outcomes.entries()) {
      const text = `text-${n}`;
      const end = reason === undefined ? outcome : `${outcome} ${reason.code}`;
      ends[end] = (ends[end] ?? 0) + 1;
      if (outcome === "ok") expect(result?.value).toEqual({ text });
      if (n % 2 === 0) continue;
      const times = lab.arrivals.filter(({ body }) => body === JSON.stringify({ text })).length;
      if (outcome === "ok") expect(times, text).toBe(1);
      else if (outcome === "failed") expect(times, text).toBe(0);
      else expect(times, text).toBeLessThanOrEqual(1);
    }
    const events = await workflow.events();
    effectsHold(lab.arrivals, events);
    chainHolds(workflow, events);
    await budgetHolds(workflow);
    figure("ends", JSON.stringify(ends));
  }

  function shuffled<T>(all: readonly T[]): T[] {
    return all
      .map((one) => ({ one, at: random.next() }))
      .sort((left, right) => left.at - right.at)
      .map(({ one }) => one);
  }
});
