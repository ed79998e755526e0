import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { changedBundle } from "../support/bundle-folder.ts";
import type { Arrival } from "../support/lab.ts";
import { lock, unlock } from "../support/locks.ts";
import { reconnected } from "../support/reconnected.ts";
import { until } from "../support/until.ts";
import type { Outcome, StoredEvent, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** A service did what it was asked for, and nobody heard of it. It acts once on one idempotency key. */
export function lostAnswerCases(world: () => World): void {
  describe("an order whose answer was lost", () => {
    let n = 0;
    const fresh = (): string => `order-${++n}`;
    const open = (): Promise<Workflow> =>
      world().acme.open(world().agent, "dana", { purpose: "lab" });
    afterEach(() => {
      world().lab.keyed = "answer";
    });

    const arrivals = (key: string): readonly Arrival[] => world().lab.arrivalsAt(`/keyed/${key}`);
    /** How often it was carried out. */
    const orders = (key: string): number =>
      [...world().lab.orders.values()].filter((one) => one === key).length;
    const claims = ({
      headers,
    }: Arrival): { txn: string; tctx: { call: string; record: string } } =>
      JSON.parse(
        Buffer.from(String(headers["txn-token"]).split(".")[1] ?? "", "base64url").toString(),
      ) as ReturnType<typeof claims>;
    const types = async (workflow: Workflow, { call }: Outcome): Promise<readonly string[]> =>
      (await workflow.eventsOf(call)).map(({ type }) => type);

    /** Of unknown outcome, although it was carried out; the connector is away. */
    const lose = async (workflow: Workflow, key: string): Promise<Outcome> => {
      const { host, lab } = world();
      lab.keyed = "hold";
      const ordered = workflow.call("lab_keyed", { key });
      while (arrivals(key).length === 0) await sleep(10);
      await host.kill("doomed");
      lab.keyed = "answer";
      const outcome = await ordered;
      expect(outcome).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "connector_lost" },
      });
      return outcome;
    };

    it("is asked for again under the same key when the connector is back, and is done once", async () => {
      const { host } = world();
      const [workflow, key] = [await open(), fresh()];
      const lost = await lose(workflow, key);
      await host.restart("doomed");
      expect(await end(workflow, lost)).toMatchObject({
        ...{ type: "call.reconciled", finding: "committed", outcome: "ok", code: null },
      });
      expect(await types(workflow, lost)).toEqual([
        ...["call.admitted", "call.settled", "call.resent", "call.reconciled"],
      ]);
      expect(orders(key)).toBe(1);
      const [first, second, ...others] = arrivals(key);
      expect(others).toEqual([]);
      expect(first?.headers["idempotency-key"]).toBe(lost.call);
      expect(second?.headers["idempotency-key"]).toBe(lost.call);
      // The same call of the same record, with another token: the first one was spent.
      const [one, two] = [claims(first!), claims(second!)];
      expect(two.tctx).toMatchObject({ call: one.tctx.call, record: one.tctx.record });
      expect(two.txn).not.toBe(one.txn);
      // It was paid for once.
      expect((await workflow.view()).used).toMatchObject({ calls: 1, cost: 1 });
      const { body } = await workflow.request("GET", `/calls/${lost.call}`);
      expect(body).toMatchObject({ outcome: { outcome: "ok", call: lost.call } });
    });

    it("is asked for again when the gateway died in between", async () => {
      const { host, lab } = world();
      const [workflow, key] = [await open(), fresh()];
      lab.keyed = "hold";
      const ordered = workflow.call("lab_keyed", { key }).catch((error: unknown) => error);
      while (arrivals(key).length === 0) await sleep(10);
      await host.kill("gateway");
      expect(await ordered).toBeInstanceOf(Error);
      lab.keyed = "answer";
      await host.restart("gateway");
      const call = String((await workflow.events())[1]?.event["call"]);
      const done = await end(workflow, { call });
      expect(done).toMatchObject({ type: "call.reconciled", finding: "committed" });
      expect(orders(key)).toBe(1);
      // For the cases behind this one.
      await reconnected(host);
    });

    it("is asked for again while everybody lives, and the agent hears of it under its own key", async () => {
      const { lab } = world();
      const [workflow, key] = [await open(), fresh()];
      lab.keyed = "lose";
      const lost = await workflow.call("lab_keyed", { key }, "order");
      expect(lost).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "connection_terminated" },
      });
      // Without its key it is another order, which nobody may make now.
      expect(await workflow.call("lab_keyed", { key })).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "effect_unknown", blockedBy: lost.call },
      });
      lab.keyed = "answer";
      await end(workflow, lost);
      expect(await workflow.call("lab_keyed", { key }, "order")).toMatchObject({
        outcome: "ok",
        call: lost.call,
      });
      expect(orders(key)).toBe(1);
    });

    it("stays unknown when the service refuses it now: that may be what the first one did", async () => {
      const { host, lab } = world();
      const [workflow, key] = [await open(), fresh()];
      const lost = await lose(workflow, key);
      lab.keyed = "refuse";
      await host.restart("doomed");
      while (arrivals(key).length < 2) await sleep(20);
      // The connector has journalled that refusal by then, and must not be believed for it either.
      await host.kill("doomed");
      await host.restart("doomed");
      while (arrivals(key).length < 3) await sleep(20);
      expect((await types(workflow, lost)).filter((type) => type === "call.reconciled")).toEqual(
        [],
      );
      lab.keyed = "answer";
      await host.kill("doomed");
      await host.restart("doomed");
      expect(await end(workflow, lost)).toMatchObject({ finding: "committed" });
      expect(orders(key)).toBe(1);
    });

    it.each([
      ["was locked", (host: Host, { id }: Workflow) => lock(host, "workflow", id)],
      [
        "was closed",
        async (_host: Host, workflow: Workflow) => {
          await workflow.request("POST", "/close");
          return null;
        },
      ],
    ])("is not asked for again once its workflow %s", async (_, stop) => {
      const { host } = world();
      const [workflow, other] = [await open(), await open()];
      const [key, control] = [fresh(), fresh()];
      await lose(workflow, key);
      const held = await stop(host, workflow);
      await host.restart("doomed");
      // Somebody else's, behind it: when that is done, this one was looked at.
      const later = await lose(other, control);
      await host.restart("doomed");
      await end(other, later);
      expect(arrivals(key)).toHaveLength(1);
      // Without the lock the workflow is as dead as before; nothing of it is left for other cases.
      if (held !== null) await unlock(host, held);
    });

    it("is not asked for again under another bundle than the one it was admitted under", async () => {
      const { host, bundle, folder } = world();
      const [workflow, other] = [await open(), await open()];
      const [key, control] = [fresh(), fresh()];
      await lose(workflow, key);
      const changed = changedBundle(
        ...([bundle, `${folder}/bundle-lost`, "tools/lab_note.jsonc"] as const),
        ...(['"cost": 1', '"cost": 2'] as const),
      );
      expect((await host.activate("acme", changed)).code).toBe(0);
      await host.restart("doomed");
      const later = await lose(other, control);
      await host.restart("doomed");
      await end(other, later);
      expect(arrivals(key)).toHaveLength(1);
      // A rollback is instant, and brings its rules back.
      expect((await host.activate("acme", bundle)).code).toBe(0);
      await host.kill("doomed");
      await host.restart("doomed");
      while (arrivals(key).length < 2) await sleep(20);
      expect(orders(key)).toBe(1);
    });
  });
}

type Host = World["host"];

/** The event that ended it; a round of questions comes every ten seconds. */
async function end(
  workflow: Workflow,
  { call }: Pick<Outcome, "call">,
): Promise<StoredEvent["event"] | undefined> {
  let last: StoredEvent["event"] | undefined;
  await until("somebody finds out what became of the call", async () => {
    last = (await workflow.eventsOf(call)).at(-1);
    return last?.type === "call.reconciled";
  });
  return last;
}
