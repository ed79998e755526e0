import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checked, SEED } from "./checked.ts";
import { Random } from "../crash/random.ts";
import { listLocks, lock, unlock } from "../acceptance/support/locks.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { setTimeout as sleep } from "node:timers/promises";

const ROUNDS = 6;
/** About what starting a command takes: the two meet in every order. */
const SPREAD_MS = 60;

/** Torture 32: kill races the removal of a lock → latest epoch wins; no old token comes back to life. */
describe(`torture 32: a kill races the removal of a lock (seed ${SEED})`, () => {
  const host = nodeHost();
  const random = new Random(SEED);
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it("the kill holds, whichever comes first, and what was dead stays dead", async () => {
    const { acme, agent } = world;
    for (let round = 0; round < ROUNDS; round++) {
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const note = () => workflow.call("lab_note", { text: "x" });
      expect((await note()).outcome).toBe("ok");
      const first = await lock(host, "workflow", workflow.id);
      const { epoch } = await listLocks(host);

      const [kill] = await Promise.all([
        sleep(random.integer(0, SPREAD_MS)).then(() =>
          lock(host, "workflow", workflow.id, "--reason", `round ${round}`),
        ),
        sleep(random.integer(0, SPREAD_MS)).then(() => unlock(host, first)),
      ]);
      const now = await listLocks(host);
      expect(now.epoch).toBe(epoch + 2);
      expect(now.locks.map((one) => one.lock)).toEqual([kill.lock]);
      const denied = await note();
      expect(denied).toMatchObject({ outcome: "policy_denied", reason: { code: "locked" } });
      expect(denied.reason?.ruleIds).toEqual([`lock:${first.lock}`, `lock:${kill.lock}`].sort());

      if (round === ROUNDS - 1) {
        await host.kill("gateway");
        await host.restart("gateway");
        expect(await listLocks(host)).toEqual(now);
      }
      await unlock(host, kill);
      expect(await note()).toMatchObject({
        reason: { ruleIds: [`lock:${first.lock}`, `lock:${kill.lock}`].sort() },
      });
    }
    checked("I2");
  });
});
