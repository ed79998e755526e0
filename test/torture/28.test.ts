import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERAS, mcpClient, outcomeOf } from "../acceptance/support/mcp.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { reconnected } from "../acceptance/support/reconnected.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { type Asked, askedBy, change } from "./approvals.ts";
import { checked, figure, SEED } from "./checked.ts";
import { budgetsHold, effectsWereAllowed, recordVerifies } from "./invariants.ts";

/** Each round over REST and over MCP in each of its eras, at once. */
const PER_SURFACE = 12;
const ROUNDS = 5;
const KILLS = 4;
/** They come while humans decide, while the service works, and after it. */
const SPREAD_MS = 150;
/** For the humans, on a busy machine: whoever goes away before they have decided hears that they have not. */
const PATIENCE_MS = 40_000;

/** Torture 28: approval used twice, in parallel → exactly one execution. */
describe("torture 28: one approval, sent for again and again", () => {
  const host = nodeHost();
  const random = new Random(SEED);
  let world: World;
  let workflow: Workflow;
  let clients: readonly Client[];
  let n = 0;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    world.lab.latencyMs = () => random.integer(0, SPREAD_MS);
    workflow = await world.acme.open(world.agent, "dana", { purpose: "refund" });
    clients = await Promise.all(ERAS.map(([, mode]) => mcpClient(workflow, mode)));
  });
  afterAll(async () => {
    for (const client of clients ?? []) await client.close();
    await world?.[Symbol.asyncDispose]();
  });

  const fresh = (): { key: string; title: string } => ({ key: `doc-${++n}`, title: `title ${n}` });
  const executions = (key: string): number =>
    world.lab.arrivals.filter(({ method, path }) => method === "PATCH" && path.endsWith(`/${key}`))
      .length;

  /**
   * The identical call, `PER_SURFACE` times on each surface, each at its own moment. `gone`: who sent them
   * has seen that nobody answers any more; a client whose stream broke off waits for an answer.
   */
  function everywhere(args: object, gone?: AbortSignal): Promise<Outcome>[] {
    const surfaces = [
      () => change(workflow, args, PATIENCE_MS / 1_000),
      ...clients.map((client) => async () => {
        const wanted = { name: "lab_document", arguments: { ...args } };
        const options = { timeout: PATIENCE_MS, ...(gone !== undefined && { signal: gone }) };
        return outcomeOf(await client.callTool(wanted, options));
      }),
    ];
    return surfaces.flatMap((send) =>
      Array.from({ length: PER_SURFACE }, async () => {
        await sleep(random.integer(0, SPREAD_MS));
        return send();
      }),
    );
  }

  /** Calls of which the connector has said that they never came to it. */
  async function provenNone(): Promise<ReadonlySet<unknown>> {
    const events = (await workflow.events()).map(({ event }) => event);
    return new Set(events.flatMap(({ finding, call }) => (finding === "never" ? [call] : [])));
  }

  async function approve(asked: Asked): Promise<void> {
    for (const [login, kind] of [
      ["erin", "finance"],
      ["olga", "second"],
    ] as const) {
      await sleep(random.integer(0, SPREAD_MS / 2));
      expect((await world.acme.decide(login, asked, kind)).status).toBe(200);
    }
  }

  it("is carried out once for all of them, and all hear of that one", async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      const at = `round ${round} of seed ${SEED}`;
      const args = fresh();
      const asked = askedBy(await change(workflow, args));
      const sent = everywhere(args);
      await approve(asked);
      const outcomes = await Promise.all(sent);
      expect(outcomes).toHaveLength(3 * PER_SURFACE);
      expect(new Set(outcomes.map(({ outcome, call }) => `${outcome} ${call}`)).size, at).toBe(1);
      expect(outcomes[0]?.outcome, at).toBe("partial_result");
      expect(executions(args.key), at).toBe(1);
      const carried = (await workflow.events()).filter(
        ({ event }) => event["approval"] === asked.id,
      );
      expect(carried.map(({ event }) => [event.type, event["mode"]]).slice(-1), at).toEqual([
        ["call.admitted", "execute"],
      ]);
      const admissions = carried.filter(({ event }) => event.type === "call.admitted");
      expect(admissions, at).toHaveLength(1);
    }
    figure("re-issued", `${ROUNDS} × ${3 * PER_SURFACE}`);
  });

  it("is good for one execution, and a second one needs humans again", async () => {
    const args = fresh();
    const asked = askedBy(await change(workflow, args));
    await approve(asked);
    await Promise.all(everywhere(args));
    const again = async (): Promise<Outcome> => {
      const headers = { "idempotency-key": "another", prefer: "wait=0" };
      const body = { tool: "lab_document", arguments: args };
      return (await workflow.request("POST", "/calls", body, { headers })).body as Outcome;
    };
    const second = askedBy(await again());
    expect(second.id).not.toBe(asked.id);
    expect(executions(args.key)).toBe(1);
    await approve(second);
    expect((await again()).outcome).toBe("partial_result");
    expect(executions(args.key)).toBe(2);
  });

  it("is carried out at most once over the death of the gateway in the middle", async () => {
    const ended: { [outcome: string]: number } = {};
    for (let kill = 1; kill <= KILLS; kill++) {
      const at = `kill ${kill} of seed ${SEED}`;
      const args = fresh();
      const asked = askedBy(await change(workflow, args));
      const gone = new AbortController();
      const sent = everywhere(args, gone.signal).map((one) => one.catch(() => null));
      await approve(asked);
      await sleep(random.integer(0, SPREAD_MS));
      await host.kill("gateway");
      gone.abort();
      await Promise.all([host.restart("gateway"), ...sent]);
      await reconnected(host);
      // Asks for the new gateway's nonce, which all proofs name from now on.
      await workflow.view();
      // Killed between its admission and the connector, a call may be proven to be none while they ask:
      // then the approval is good for another one, and who asks later hears of that.
      let outcomes: readonly Outcome[] = [];
      while (outcomes.length === 0) {
        const told = await Promise.all(everywhere(args));
        const none = await provenNone();
        outcomes = told.filter(({ call }) => !none.has(call));
      }
      expect(new Set(outcomes.map(({ call }) => call)).size, at).toBe(1);
      // Its end may become known while they ask; never a second one.
      const known = new Set(outcomes.map((one) => one.outcome));
      if (known.size > 1) known.delete("outcome_unknown");
      const [outcome = "", ...others] = known;
      expect(others, at).toEqual([]);
      // `ok`: the connector's journal told the new gateway that it was done, and the answer is gone.
      expect(["ok", "partial_result", "outcome_unknown"], at).toContain(outcome);
      if (outcome === "outcome_unknown") expect(executions(args.key), at).toBeLessThanOrEqual(1);
      else expect(executions(args.key), at).toBe(1);
      ended[outcome] = (ended[outcome] ?? 0) + 1;
    }
    figure("kills", KILLS);
    for (const [outcome, count] of Object.entries(ended)) figure(outcome, count);
  });

  it("leaves a record that verifies, budgets that hold, and no effect without its own admission", async () => {
    await recordVerifies(host, [workflow]);
    await budgetsHold([workflow]);
    await effectsWereAllowed(world, [workflow]);
    checked("I1", "I3", "I4", "I7");
  });
});
