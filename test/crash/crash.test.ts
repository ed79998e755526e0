import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chainHeads } from "../acceptance/support/chain.ts";
import { payloadOf } from "../acceptance/support/keys.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { StoredEvent, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { compileFiles } from "../../src/hosts/node/bundles.ts";
import { Inspection } from "../../src/hosts/node/inspect.ts";
import { type Ledger, load } from "./load.ts";
import { Random } from "./random.ts";

/** 4 with all other tests, 50 with `npm run test:crash`; `-- --kills 1000` for a long night. */
const KILLS = Number(process.env["POSTERN_KILLS"] ?? 4);
const SEED = Number(process.env["POSTERN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const LEAST_IN_FLIGHT = 32;
const LEAST_ANSWERED = 10;
/** Alone on two cores a kill takes about two seconds; this is for a busy machine. */
const TIMEOUT_MS = 120_000 + KILLS * 15_000;

/** Answers that say themselves that nothing was recorded. */
const UNRECORDED = new Set(["audit_unavailable", "busy", "rate_limited"]);

describe(`kill -9 of the gateway, ${KILLS} times, seed ${SEED}`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  it(
    "loses nothing that a client saw acknowledged",
    async () => {
      const random = new Random(SEED);
      const { lab, acme, provider, agent } = world;
      lab.latencyMs = () => random.integer(0, 25);
      let acknowledged = 0;
      let unknown = 0;
      for (let kill = 1; kill <= KILLS; kill++) {
        const at = `kill ${kill} of seed ${SEED}`;
        const workflow = await acme.open(agent, "dana", { purpose: "lab" });
        await connected(workflow);
        const spent = await provider.idToken("dana");
        expect((await acme.redeem(agent, spent, { purpose: "lab" })).status, at).toBe(200);
        lab.arrivals.length = 0;

        // In the air at the kill, whatever the others are at.
        const held = `kill-${kill}`;
        const write = workflow.call("lab_change_gate", { key: held }).catch(() => null);
        await lab.waiting(held);
        const { ledger, ended } = load(workflow, random);
        // Past the first answers, then at any moment.
        while (ledger.calls.length <= LEAST_ANSWERED) await sleep(1);
        await sleep(random.integer(0, 400));
        while (ledger.inFlight < LEAST_IN_FLIGHT) await sleep(1);
        await host.kill("gateway");
        await Promise.all([ended, write]);
        expect(ledger.inFlight, at).toBeGreaterThanOrEqual(LEAST_IN_FLIGHT);
        await Promise.all([host.restart("gateway"), anotherConnector(host, random)]);

        const events = await workflow.events();
        expect(
          events.map(({ hash }) => hash),
          at,
        ).toEqual(chainHeads("acme", workflow.id, events));
        keeps(ledger, events, at);
        expect(effects(world), at).toEqual(
          effects(world).filter((call) => admitted(events).has(call)),
        );
        const saved = await workflow.request("GET", "/checkpoint");
        const { value = 0 } = (saved.body ?? {}) as { value?: number };
        expect(value, at).toBeGreaterThanOrEqual(ledger.checkpoint);
        const again = await acme.redeem(agent, spent, { purpose: "lab" });
        expect([again.status, again.text], at).toEqual([400, expect.stringContaining("before")]);
        // The connector is asked about unknown calls meanwhile, so there may be more events by now.
        expect(replayed(host, workflow), at).toMatchObject({ identical: true });
        acknowledged += ledger.calls.length;
        unknown += events.filter(({ event }) => event["outcome"] === "outcome_unknown").length;
      }
      // A kill that caught no mutation in the air would have shown nothing about them.
      expect(acknowledged).toBeGreaterThan(KILLS * LEAST_ANSWERED);
      expect(unknown).toBeGreaterThanOrEqual(KILLS);
      await host.gateway.stop();
      const verified = await host.command("audit", "verify", host.dataDir, "--json");
      expect(JSON.parse(verified.stdout)).toMatchObject({ sealedChecked: true, findings: [] });
    },
    TIMEOUT_MS,
  );
});

/** Every acknowledged call stands in the chain as it was told, and every admitted one has an end. */
function keeps(ledger: Ledger, events: readonly StoredEvent[], at: string): void {
  const last = new Map<unknown, StoredEvent["event"]>();
  for (const { event } of events) {
    // A signal names the call that raised it, and is no part of its end; what was unknown when it was
    // told, its connector may have told since.
    if ("call" in event && !["signal.raised", "call.reconciled"].includes(event.type)) {
      last.set(event["call"], event);
    }
  }
  for (const { call, outcome, reason } of ledger.calls) {
    if (UNRECORDED.has(reason?.code ?? "")) continue;
    const event = last.get(call);
    expect(event, `${at}: ${outcome} ${call} was acknowledged and is gone`).toBeDefined();
    expect([event?.["outcome"], event?.["code"]], `${at}: ${call}`).toEqual([
      outcome,
      reason?.code ?? null,
    ]);
  }
  const unsettled = [...last.values()].filter(({ type }) => type === "call.admitted");
  expect(unsettled, at).toEqual([]);
}

function admitted(events: readonly StoredEvent[]): ReadonlySet<unknown> {
  return new Set(
    events.filter(({ event }) => event.type === "call.admitted").map(({ event }) => event["call"]),
  );
}

/** The calls that reached the private service, by the token each came with. */
function effects({ lab }: World): unknown[] {
  return lab.arrivals.map(({ headers }) => {
    const { tctx } = payloadOf(String(headers["txn-token"])) as { tctx: { call: string } };
    return tctx.call;
  });
}

/**
 * A connector that lost its gateway every second or two would wait longer each time, as it should.
 * A fresh process dials at once; half of the time its predecessor dies as the gateway did.
 */
async function anotherConnector(host: NodeHost, random: Random): Promise<void> {
  if (random.next() < 0.5) await host.kill("internal");
  else await host.processes.get("internal")?.stop();
  await host.restart("internal");
}

async function connected(workflow: Workflow): Promise<void> {
  for (;;) {
    const { outcome } = await workflow.call("lab_note", { text: "anybody there?" });
    if (outcome === "ok") return;
    await sleep(20);
  }
}

function replayed(host: NodeHost, workflow: Workflow): unknown {
  using inspection = new Inspection(host.dataDir, undefined, process.env);
  return inspection.replay(workflow.id, compileFiles);
}
