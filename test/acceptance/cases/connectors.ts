import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ConnectorPlan } from "../host.ts";
import { reconnected } from "../support/reconnected.ts";
import type { Outcome, StoredEvent, Workflow } from "../support/workflow.ts";
import { doomed } from "../support/plans.ts";
import { until } from "../support/until.ts";
import type { World } from "../support/world.ts";

/** A connector that comes, goes, dies, and that is not one. */
export function connectorCases(world: () => World): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "lab" });

  describe("a connector that dies in the middle of a call", () => {
    it("leaves a failed read, an unknown mutation, and comes back to say what it knows", async () => {
      const { host, lab } = world();
      const workflow = await open();
      const read = workflow.call("lab_doomed", { key: "dies-reading" });
      const write = workflow.call("lab_change_doomed", { key: "dies-writing" });
      await Promise.all([lab.waiting("dies-reading"), lab.waiting("dies-writing")]);
      await host.kill("doomed");
      expect(await read).toMatchObject({
        outcome: "failed",
        reason: { kind: "network", code: "connector_lost" },
      });
      const unknown = await write;
      expect(unknown).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "connector_lost" },
      });
      lab.open("dies-reading");
      lab.open("dies-writing");
      expect(await workflow.call("lab_doomed", { key: "dies-reading" })).toMatchObject({
        outcome: "failed",
        reason: { code: "connector_unavailable" },
      });

      await host.restart("doomed");
      expect(await host.away()).not.toContain("doomed");
      expect(await workflow.call("lab_doomed", { key: "dies-reading" })).toMatchObject({
        outcome: "ok",
      });
      // The journal saw this call start: nobody can say that nothing happened.
      const types = (await workflow.eventsOf(unknown.call)).map(({ type }) => type);
      expect(types).toEqual(["call.admitted", "call.settled"]);
    });

    it("proves that it never saw a mutation: the call becomes not_dispatched and costs nothing", async () => {
      const { host, lab } = world();
      const workflow = await open();
      const connector = host.processes.get("doomed");
      if (connector === undefined) throw new Error("no doomed connector");
      // Asleep, it reads nothing; killed, it loses what the kernel kept for it.
      connector.signal("SIGSTOP");
      const write = workflow.call("lab_change_doomed", { key: "never-seen" });
      while ((await workflow.events()).length < 2) await sleep(10);
      await host.kill("doomed");
      const unknown = await write;
      expect(unknown).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "connector_lost" },
      });
      expect((await workflow.view()).used).toMatchObject({ calls: 1, cost: 1 });

      await host.restart("doomed");
      const final = await reconciled(workflow, unknown);
      expect(final).toMatchObject({
        type: "call.reconciled",
        outcome: "failed",
        code: "not_dispatched",
        calls: 0,
        cost: 0,
        runtimeMs: 0,
      });
      expect((await workflow.view()).used).toMatchObject({ calls: 0, cost: 0, runtimeMs: 0 });
      expect(lab.arrivalsAt("/gate/never-seen")).toEqual([]);
    });
  });

  describe("two connectors of one network and tier", () => {
    it("lose no read when one of them is killed under it, and make no change twice", async () => {
      const { host, lab } = world();
      const plan = { ...doomed(lab), name: "relief" };
      const relief = host.dial(plan, await host.joinCode(plan));
      await relief.ready();
      try {
        const workflow = await open();
        const [dying, staying] = ["doomed", "relief"].map(
          (name) => host.processes.get(name)?.facts?.["connector"],
        );
        const admitted = async (): Promise<readonly StoredEvent["event"][]> =>
          (await workflow.events())
            .map(({ event }) => event)
            .filter(({ type }) => type === "call.admitted");
        /** How many calls of this tool a connector has, each of them before its gate. */
        const held = async (tool: string, by: unknown): Promise<number> =>
          (await admitted()).filter((one) => one["tool"] === tool && one["connector"] === by)
            .length;
        const keys: string[] = [];
        const out = async (tool: string, calls: Promise<Outcome>[]): Promise<void> => {
          const key = `moves-${keys.length}`;
          keys.push(key);
          calls.push(workflow.call(tool, { key }));
          await lab.waiting(key);
        };
        const reads: Promise<Outcome>[] = [];
        const changes: Promise<Outcome>[] = [];
        // One after the other, to whoever has less: in the end both have some of each kind.
        while ((await held("lab_doomed", dying)) < 8) await out("lab_doomed", reads);
        for (const by of [dying, staying]) {
          while ((await held("lab_change_doomed", by)) < 2) await out("lab_change_doomed", changes);
        }
        const first = await admitted();
        await host.kill("doomed");
        // Each read that it had stands before the gate a second time.
        const moved = async (): Promise<number> =>
          (await workflow.events()).filter(({ event }) => event["type"] === "call.resent").length;
        await until("its reads have moved", async () => (await moved()) === 8);
        for (const key of keys) lab.open(key);
        for (const outcome of await Promise.all(reads)) expect(outcome.outcome).toBe("ok");
        for (const { call, outcome } of await Promise.all(changes)) {
          const connector = first.find((one) => one["call"] === call)?.["connector"];
          expect(outcome).toBe(connector === dying ? "outcome_unknown" : "ok");
        }
        for (const key of keys.slice(reads.length)) {
          expect(lab.arrivalsAt(`/gate/${key}`)).toHaveLength(1);
        }
        // Nobody paid for the second way.
        const calls = keys.length;
        expect((await workflow.view()).used).toMatchObject({ calls, cost: calls });
      } finally {
        await relief.stop();
        await host.restart("doomed");
      }
    });
  });

  describe("postern connector", () => {
    it("rotates a key under calls, stops a connector when it is done, and removes it for good", async () => {
      const { host, lab } = world();
      const workflow = await open();
      const plan = { ...doomed(lab), name: "leaving" };
      const leaving = host.dial(plan, await host.joinCode(plan));
      const id = String((await leaving.ready())["connector"]);
      const command = (...args: readonly string[]) =>
        host.connector(...args, "--tenant", "acme", "--json");
      const types = async (): Promise<readonly unknown[]> =>
        (await host.record("acme"))
          .filter(({ event }) => event["connector"] === id)
          .map(({ event }) => event["type"]);
      try {
        // Only this one is there: whatever is answered, it answers.
        await host.kill("doomed");
        const read = workflow.call("lab_doomed", { key: "rotates" });
        await lab.waiting("rotates");
        const rotated = await command("rotate", id);
        expect(JSON.parse(rotated.stdout)).toEqual({
          connector: id,
          key: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string,
        });
        lab.open("rotates");
        expect((await read).outcome).toBe("ok");

        const write = workflow.call("lab_change_doomed", { key: "drains" });
        await lab.waiting("drains");
        expect(JSON.parse((await command("drain", id)).stdout)).toEqual({
          connector: id,
          calls: 1,
        });
        expect(await workflow.call("lab_doomed", { key: "rotates" })).toMatchObject({
          reason: { code: "connector_unavailable" },
        });
        lab.open("drains");
        expect((await write).outcome).toBe("ok");
        expect(await leaving.exited).toBe(0);
        expect((await command("drain", id)).code).toBe(1);

        // With the key that it got while it served.
        await host.restart("leaving");
        expect((await workflow.call("lab_doomed", { key: "rotates" })).outcome).toBe("ok");
        expect((await command("remove", id)).code).toBe(0);
        expect(await workflow.call("lab_doomed", { key: "rotates" })).toMatchObject({
          reason: { code: "connector_unavailable" },
        });
        for (const verb of ["remove", "rotate", "drain"]) {
          expect((await command(verb, id)).code).toBe(1);
        }
        expect(await types()).toEqual([
          ...["connector.enrolled", "connector.rotated", "connector.drained", "connector.removed"],
        ]);
      } finally {
        await host.processes.get("leaving")?.stop();
        await host.restart("doomed");
      }
    });
  });

  describe("a connector that falls silent", () => {
    it("loses its session with its lease: calls fail at once, until it is back", async () => {
      const { host, lab } = world();
      const workflow = await open();
      lab.open("silent");
      expect((await workflow.call("lab_doomed", { key: "silent" })).outcome).toBe("ok");
      const connector = host.processes.get("doomed");
      connector?.signal("SIGSTOP");
      try {
        await until("it is given up", async () => {
          const outcome = await workflow.call("lab_doomed", { key: "silent" });
          return outcome.reason?.code === "connector_unavailable";
        });
      } finally {
        connector?.signal("SIGCONT");
      }
      await until(
        "it is back",
        async () => (await workflow.call("lab_doomed", { key: "silent" })).outcome === "ok",
      );
    });
  });

  describe("a gateway that falls silent", () => {
    it("is heard of no more: after five seconds the connector gives up what is under way by itself", async () => {
      const { host, lab } = world();
      const workflow = await open();
      const calls = [
        workflow.call("lab_gate", { key: "fenced" }),
        workflow.call("lab_change_gate", { key: "fenced" }),
      ];
      const ends = Promise.all(calls.map((call) => call.catch(() => null)));
      await lab.waiting("fenced", 2);
      const gateway = host.processes.get("gateway");
      const connector = host.processes.get("internal");
      const said = connector?.stderr.length;
      gateway?.signal("SIGSTOP");
      try {
        // Nobody else could have told it: the gateway stands still.
        await lab.dropped("fenced", 2);
        const ended = (): boolean => connector?.stderr.slice(said).includes('"lease"') === true;
        await until("it says that its lease is over", ended);
      } finally {
        gateway?.signal("SIGCONT");
      }
      lab.open("fenced");
      const [read, write] = await ends;
      expect([read?.outcome, write?.outcome]).toEqual(["failed", "outcome_unknown"]);
      await reconnected(host);
      expect((await workflow.call("lab_note", { text: "x" })).outcome).toBe("ok");
    });
  });

  describe("a connector of one tenant", () => {
    it("serves nobody else", async () => {
      const { globex, stranger, lab } = world();
      const foreign = await globex.open(stranger, "pat", { purpose: "lab" });
      const before = lab.arrivals.length;
      expect(await foreign.call("lab_note", { text: "x" })).toMatchObject({
        outcome: "failed",
        reason: { code: "connector_unavailable" },
      });
      expect(lab.arrivals).toHaveLength(before);
      expect((await (await open()).call("lab_note", { text: "x" })).outcome).toBe("ok");
    });
  });

  describe("enrolment", () => {
    const extra = (name: string, change: Partial<ConnectorPlan> = {}): ConnectorPlan => ({
      name,
      tenant: "acme",
      network: "annex",
      tier: "internal",
      destinations: {
        lab: { kind: "http", origin: world().lab.origin, methods: ["GET"], paths: ["/note"] },
      },
      ...change,
    });

    it("takes a join code once", async () => {
      const { host } = world();
      const code = await host.joinCode(extra("first"));
      const first = host.dial(extra("first"), code);
      await first.ready();
      const second = host.dial(extra("second"), code);
      expect(await second.exited).not.toBe(0);
      expect(first.alive).toBe(true);
      expect(second.output).not.toContain(code);
      expect(await first.stop()).toBe(0);
    });

    it("burns a code that is used for another network or tier than it was made for", async () => {
      const { host } = world();
      const code = await host.joinCode(extra("third"));
      const wrong = host.dial(extra("third", { tier: "critical" }), code);
      expect(await wrong.exited).not.toBe(0);
      const right = host.dial(extra("fourth"), code);
      expect(await right.exited).not.toBe(0);
      const fresh = host.dial(extra("fifth"), await host.joinCode(extra("fifth")));
      await fresh.ready();
      expect(await fresh.stop()).toBe(0);
    });

    it("lets nobody in with a code of another tenant, or a made-up one", async () => {
      const { host } = world();
      const code = await host.joinCode(extra("sixth"));
      const [, secret = "", thumbprint = ""] = code.split(".");
      for (const [name, forged] of [
        ["seventh", `globex.${secret}.${thumbprint}`],
        ["eighth", `acme.${"A".repeat(43)}.${thumbprint}`],
        ["ninth", "nonsense"],
      ] as const) {
        expect(await host.dial(extra(name), forged).exited).not.toBe(0);
      }
      const other = host.dial(extra("tenth"), code);
      await other.ready();
      expect(await other.stop()).toBe(0);
    });
  });
}

/** The connector is asked when its session begins; the answer takes a moment. */
async function reconciled(workflow: Workflow, { call }: Outcome): Promise<object | undefined> {
  const last = async (): Promise<{ readonly type: string } | undefined> =>
    (await workflow.eventsOf(call)).at(-1);
  await until("the call is reconciled", async () => (await last())?.type === "call.reconciled");
  return last();
}
