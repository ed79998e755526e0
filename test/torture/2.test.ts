import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import { isChange, Wire } from "../acceptance/support/wire.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { load, type Next } from "../crash/load.ts";
import { Random } from "../crash/random.ts";
import { figure, SEED } from "./checked.ts";
import { type Database, startDatabase } from "./database.ts";
import { layerFolder } from "./layer.ts";
import {
  budgetHolds,
  byCall,
  chainHolds,
  connected,
  effects,
  effectsHold,
  journal,
  recordHolds,
  toldNow,
} from "./witnesses.ts";

/** Calls to each connector that it never sees. */
const UNSEEN = 3;
const KILLS = 6;
const LEAST_IN_FLIGHT = 32;
const RECONCILED_WITHIN_S = 60;

/**
 * Torture 2: `kill -9` of the gateway between dispatch and outcome → `outcome_unknown`, reconciled from
 * the journal within 60 s; a mutation is never retried blindly.
 */
describe(`torture 2: the gateway dies between dispatch and outcome (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  const random = new Random(SEED);
  /** Mutations that were out at a kill, by how they ended. */
  const ends: Record<string, number> = {};
  let database: Database;
  let world: World;
  /** Between the gateway and the connector of the database. */
  let other: Wire;
  beforeAll(async () => {
    database = await startDatabase(
      (schema) => `create table ${schema}.effect (
        text text not null, xid text not null default pg_current_xact_id()::text);`,
    );
    const { schema, env } = database;
    const tool = {
      id: "db_write",
      destination: "db",
      action: "mutate",
      sql: {
        statement: `insert into ${schema}.effect (text) values ($1) returning text`,
        params: ["text"],
      },
      columns: ["text"],
    } as const;
    const scope = { tenant: "acme", network: "acme", tier: "confidential" };
    world = await startWorld("laboratory", host, {
      wired: true,
      overlays: [
        layerFolder({
          destinations: { db: { kind: "postgres", network: "acme", tier: "confidential" } },
          tools: [tool],
        }),
      ],
      async connectors(_, gatewayUrl) {
        other = await Wire.start(gatewayUrl);
        const destinations = { db: database.destination("writer", "any") };
        return [{ name: "database", ...scope, gatewayUrl: other.url, destinations, env }];
      },
    });
    world.lab.latencyMs = () => random.integer(0, 40);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await other?.stop();
    await database?.[Symbol.asyncDispose]();
  });

  it.each(Array.from({ length: KILLS }, (_, kill) => kill + 1))(
    "kill %i: each mutation has the end that its service knows of, and took effect once at most",
    async (kill) => {
      const { lab, acme, agent } = world;
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      await connected(workflow);
      await until(
        "the database",
        async () => (await write(workflow, `warm-${kill}`)).outcome === "ok",
        30,
      );
      lab.arrivals.length = 0;
      const { ledger, ended } = load(workflow, random, (caller, n): Next => {
        const tool = ["lab_write", "db_write", "lab_note"][(caller + n) % 3] ?? "lab_note";
        return { tool, arguments: { text: `${kill}-${caller}-${n}` } };
      });
      while (ledger.calls.length === 0) await sleep(1);
      await sleep(random.integer(0, 200));
      while (ledger.inFlight < LEAST_IN_FLIGHT) await sleep(1);
      // Every third time the connectors die with it, and of what left the gateway last they saw nothing.
      // Else an answer of either is lost before. So, on the fastest machine and on the slowest, some are out.
      const both = kill % 3 === 0;
      const unseen = both ? await sendUnseen(workflow, kill) : await loseAnswers();
      await Promise.all(
        (both ? ["gateway", "internal", "database"] : ["gateway"]).map((part) => host.kill(part)),
      );
      await Promise.allSettled([ended, ...unseen]);
      for (const wire of [world.wire, other]) wire.mangle = null;
      await host.restart("gateway");

      const before = byCall(await workflow.events());
      const out = [...before].filter(([, [first, settled]]) => {
        return first?.["action"] === "mutate" && settled?.["code"] === "interrupted";
      });
      expect(out.length).toBeGreaterThan(0);
      for (const [call, story] of out) {
        expect(story.at(1)).toMatchObject({ outcome: "outcome_unknown" });
        expect(await toldNow(workflow, call)).toHaveProperty("outcome");
      }
      if (both) await Promise.all(["internal", "database"].map((name) => host.restart(name)));

      // Of a request that was out when its connector let go of it, only the service knows the end.
      const open = ([call, [first]]: (typeof out)[number]): boolean =>
        first?.["tool"] === "lab_write" && journal(host, "internal").has(call);
      await until(
        "reconciliation",
        async () => {
          const now = byCall(await workflow.events());
          return out.every(
            (one) => open(one) || now.get(one[0])?.at(-1)?.type === "call.reconciled",
          );
        },
        RECONCILED_WITHIN_S,
      );
      // Of what its requests came to, the laboratory's connector tells when it is back.
      await connected(workflow);
      await agrees(
        workflow,
        out.map(([call]) => call),
      );
      await refusesAgain(
        workflow,
        out.filter(open).map(([call]) => call),
      );
      const events = await workflow.events();
      effectsHold(lab.arrivals, events);
      chainHolds(workflow, events);
      await budgetHolds(workflow);
    },
    120_000,
  );

  it("caught mutations of every end, and leaves a record that verifies", async () => {
    const caught = (...of: readonly string[]): number =>
      of.reduce((sum, end) => sum + (ends[end] ?? 0), 0);
    const all = JSON.stringify(ends);
    expect(caught("db_write ok", "db_write rolled_back"), all).toBeGreaterThan(0);
    expect(caught("db_write not_dispatched", "lab_write not_dispatched"), all).toBeGreaterThan(0);
    expect(caught("lab_write ok", "refused again"), all).toBeGreaterThan(0);
    figure("mutations that were out", all);
    await host.gateway.stop();
    await recordHolds(host);
  });

  const write = (workflow: Workflow, text: string): Promise<Outcome> =>
    workflow.call("db_write", { text });

  /** Calls that are admitted and sent, and never arrive at their connectors. */
  async function sendUnseen(workflow: Workflow, kill: number): Promise<Promise<Outcome>[]> {
    const lost = [world.wire, other].map((wire) => {
      let changes = 0;
      wire.mangle = (frame, send) => {
        if (frame.t !== "request") send(frame);
        else if (isChange(frame)) changes++;
      };
      return () => changes;
    });
    const sent = Array.from({ length: UNSEEN }, (_, n) => `unseen-${kill}-${n}`).flatMap((text) =>
      ["lab_write", "db_write"].map((tool) => workflow.call(tool, { text })),
    );
    // The gateway dies under them: who sent them hears nothing.
    for (const one of sent) one.catch(() => undefined);
    await until("requests that are lost", () => lost.every((count) => count() >= UNSEEN), 30);
    return sent;
  }

  /** One change at least by each connector, done and answered, of which the gateway does not hear. */
  async function loseAnswers(): Promise<readonly never[]> {
    const lost = [world.wire, other].map((wire) => {
      const changes = new Set<unknown>();
      let answers = 0;
      wire.mangle = (frame, send) => {
        if (isChange(frame)) changes.add(frame["id"]);
        const { ok } = (frame["answer"] ?? {}) as { readonly ok?: boolean };
        if (ok === true && changes.has(frame["id"]) && random.next() < 0.5) answers++;
        else send(frame);
      };
      return () => answers;
    });
    await until("answers that are lost", () => lost.every((count) => count() > 0), 30);
    return [];
  }

  /** What nobody knows the end of is not done again, whoever asks for it as a new call. */
  async function refusesAgain(workflow: Workflow, calls: readonly string[]): Promise<void> {
    const { arrivals } = world.lab;
    for (const call of calls) {
      const { outcome } = await toldNow(workflow, call);
      const at = effects(arrivals).findIndex((one) => one.call === call);
      if (outcome !== "outcome_unknown" || at < 0) continue;
      const before = arrivals.length;
      const sent = JSON.parse(arrivals[at]!.body) as object;
      const again = await workflow.call("lab_write", sent);
      // Its connector told the end meanwhile: whoever asks now knows what was done.
      if ((await toldNow(workflow, call)).outcome !== "outcome_unknown") continue;
      expect(again).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "effect_unknown", blockedBy: call },
      });
      expect(arrivals).toHaveLength(before);
      ends["refused again"] = (ends["refused again"] ?? 0) + 1;
    }
  }

  /** What the record says of these calls is what the services saw. */
  async function agrees(workflow: Workflow, calls: readonly string[]): Promise<void> {
    const rows = await database.query(`select xid, text from ${database.schema}.effect`);
    // Every text is of one call: nothing was tried a second time.
    expect(new Set(rows.map(({ text }) => text)).size).toBe(rows.length);
    const made = new Set(rows.map(({ xid }) => xid));
    const numbers = journal(host, "database");
    const arrivals = effects(world.lab.arrivals);
    const stories = byCall(await workflow.events());
    for (const call of calls) {
      const tool = String(stories.get(call)?.[0]?.["tool"]);
      const { outcome, reason } = await toldNow(workflow, call);
      const end = `${tool} ${outcome === "failed" ? reason?.code : outcome}`;
      ends[end] = (ends[end] ?? 0) + 1;
      const times =
        tool === "db_write"
          ? Number(made.has(numbers.get(call) ?? "never numbered"))
          : arrivals.filter((one) => one.call === call).length;
      if (outcome === "ok") expect(times, `${call} took effect`).toBe(1);
      else if (outcome === "failed") expect(times, `${call} had no effect`).toBe(0);
      else expect(times, `${call} took effect once at most`).toBeLessThanOrEqual(1);
    }
  }
});
