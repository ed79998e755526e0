import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { tenantSignals } from "../acceptance/support/signals.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { figure, SEED } from "./checked.ts";
import { chainHolds, connected, effectsHold, recordHolds } from "./witnesses.ts";

const [DUPLICATE, REPLACED] = [4_409, 4_410];
const TAKEN_OVER_S = 10;
/** A process that starts, is refused, pauses and is refused again. */
const REFUSED_TWICE_S = 90;
/** What a challenge takes (docs/protocol/tunnel.md), and a busy machine. */
const CHALLENGED_MS = 3_000;

/**
 * Torture 12: two connectors with one credential → the first is challenged: alive, the second is refused and
 * a signal raised; silent, it is replaced.
 */
describe(`torture 12: one key, two connectors (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  let workflow: Workflow;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    await connected(workflow);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const logged = (event: string, code: number): number =>
    host.gateway.output
      .split("\n")
      .filter((line) => line.includes(event) && line.includes(`${code}`)).length;
  const note = (text: string): Promise<Outcome> => workflow.call("lab_write", { text });
  const clashes = async (): Promise<number> =>
    (await tenantSignals(host, "acme")).filter(({ signal }) => signal === "connector_clash").length;

  it("the first one is alive: the second is refused, a signal says so, and no call notices", async () => {
    const twin = host.impersonate("internal");
    try {
      const outcomes: Outcome[] = [];
      await until(
        "two refusals",
        async () => {
          outcomes.push(await note(`alive-${outcomes.length}`));
          return logged("session_refused", DUPLICATE) >= 2;
        },
        REFUSED_TWICE_S,
      );
      for (const { outcome } of outcomes) expect(outcome).toBe("ok");
      await until("a signal", async () => (await clashes()) > 0, 10);
      expect(twin.stdout).not.toContain('"ready"');
      figure("calls while a second one tried", outcomes.length);
    } finally {
      await twin.kill();
    }
  });

  it("the first one is silent: it is replaced, and stays out when it wakes up", async () => {
    const first = host.processes.get("internal")!;
    await connected(workflow);
    // A challenge that the twin before left behind has to end: what is counted below is of this case.
    await sleep(CHALLENGED_MS);
    const before = { clashes: await clashes(), refused: logged("session_refused", DUPLICATE) };
    first.signal("SIGSTOP");
    // Since it first asked to be let in: how long a process needs to start is another matter.
    let asked: number | null = null;
    world.wire.mangle = (frame, send) => {
      if (frame.t === "hello") asked ??= performance.now();
      send(frame);
    };
    const twin = host.impersonate("internal");
    try {
      await twin.ready();
      const tookOver = (performance.now() - (asked ?? -Infinity)) / 1_000;
      expect(tookOver).toBeLessThan(TAKEN_OVER_S);
      figure("taken over after", `${tookOver.toFixed(1)} s`);
      expect((await note("by the second")).outcome).toBe("ok");
      expect(await clashes()).toBe(before.clashes);

      first.signal("SIGCONT");
      await until(
        "a refusal of the first",
        () => logged("session_refused", DUPLICATE) > before.refused,
        30,
      );
      for (let n = 0; n < 5; n++) {
        expect((await note(`after-${n}`)).outcome).toBe("ok");
        await sleep(100);
      }
    } finally {
      first.signal("SIGCONT");
      await twin.kill();
    }
    world.wire.mangle = null;
    // A lease later the first one is in again by itself, with nobody's help.
    await connected(workflow);
    const events = await workflow.events();
    effectsHold(world.lab.arrivals, events);
    chainHolds(workflow, events);
    await host.gateway.stop();
    await recordHolds(host);
    // Whether it was replaced or found dead before is a matter of who came first.
    expect(logged("session_ended", REPLACED) + logged("session_ended", 4_408)).toBeGreaterThan(0);
  });
});
