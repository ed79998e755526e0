import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { figure, SEED } from "./checked.ts";
import { budgetHolds, chainHolds, connected, effectsHold, recordHolds } from "./witnesses.ts";

const UNAUTHORIZED = 4_401;

/** Torture 11: a connector with a rotated-out key → refused, its session cut. */
describe(`torture 11: somebody has a connector's key of before (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const refusals = (): number =>
    host.gateway.output
      .split("\n")
      .filter((line) => line.includes("session_refused") && line.includes(String(UNAUTHORIZED)))
      .length;
  const command = async (verb: string, id: string): Promise<number | NodeJS.Signals> =>
    (await host.connector(verb, id, "--tenant", "acme")).code;

  it(
    "is refused wherever it comes from; the new one goes on without a pause, until it is removed",
    { timeout: 180_000 },
    async () => {
      const { lab, acme, agent } = world;
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      await connected(workflow);
      const [admitted] = (await workflow.events()).filter(
        ({ event }) => event.type === "call.admitted",
      );
      const id = String(admitted?.event["connector"]);
      // A copy of the folder with the key of before: refused for as long as the first one lives.
      const thief = host.impersonate("internal");
      try {
        const read = workflow.call("lab_gate", { key: "rotated-under-it" });
        await lab.waiting("rotated-under-it");
        expect(await command("rotate", id)).toBe(0);
        lab.open("rotated-under-it");
        expect((await read).outcome).toBe("ok");

        // Now nobody else is there, and the thief has all the time it wants.
        await host.kill("internal");
        const before = refusals();
        await until("refusals of the key of before", () => refusals() >= before + 2, 60);
        expect(await workflow.call("lab_note", { text: "anybody?" })).toMatchObject({
          reason: { code: "connector_unavailable" },
        });
        await host.restart("internal");
        await connected(workflow);

        const held = workflow.call("lab_gate", { key: "cut-under-it" });
        await lab.waiting("cut-under-it");
        const dropped = lab.dropped("cut-under-it");
        const asked = performance.now();
        expect(await command("remove", id)).toBe(0);
        expect(await held).toMatchObject({ reason: { code: "connector_lost" } });
        await dropped;
        figure("cut after", `${Math.round(performance.now() - asked)} ms with the command itself`);
        const after = refusals();
        await until("refusals of every key of it", () => refusals() >= after + 2, 60);
        expect(await host.away()).toContain("internal");
      } finally {
        await thief.kill();
      }
      const events = await workflow.events();
      effectsHold(lab.arrivals, events);
      chainHolds(workflow, events);
      await budgetHolds(workflow);
      await host.gateway.stop();
      await recordHolds(host);
    },
  );
});
