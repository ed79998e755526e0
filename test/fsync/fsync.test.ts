import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { payloadOf } from "../acceptance/support/keys.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Outcome } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { printed, type Step, steps, tracer } from "./trace.ts";

const ROUNDS = 10;
const PARALLEL = 48;
/** Questions to humans, each out of a preview. */
const PREVIEWS = 8;
const CALLS = ROUNDS * PARALLEL + PREVIEWS;

/**
 * `kill -9` alone cannot see a missing fsync, because the kernel outlives the process: this looks at
 * the order in which the gateway asked the kernel for things.
 */
describe("what leaves the gateway, and when", () => {
  const folder = mkdtempSync(join(tmpdir(), "pf-"));
  const file = join(folder, "trace");
  const host = nodeHost({ tracer: tracer(file) });
  let world: World;
  let trace: readonly Step[];
  const answered: string[] = [];
  /** Call tokens as they arrived at the tool, by their `txn`: the admission of each names it. */
  const dispatched = new Map<string, string>();
  let events = 0;

  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    const { acme, agent, lab } = world;
    const workflow = await acme.open(agent, "dana", { purpose: "lab" });
    for (let round = 0; round < ROUNDS; round++) {
      const tool = round % 2 === 0 ? "lab_note" : "lab_write";
      const outcomes = await Promise.all(
        Array.from({ length: PARALLEL }, (_, n) => workflow.call(tool, { text: String(n) })),
      );
      for (const { outcome, call } of outcomes) {
        expect(outcome).toBe("ok");
        answered.push(call);
      }
    }
    const previews = Array.from({ length: PREVIEWS }, (_, n) =>
      workflow.request(
        "POST",
        "/calls",
        { tool: "lab_document", arguments: { key: `doc-${n}`, title: "final" } },
        { headers: { prefer: "wait=0" } },
      ),
    );
    for (const { body } of await Promise.all(previews)) {
      const { outcome, call } = body as Outcome;
      expect(outcome).toBe("human_approval_required");
      answered.push(call);
    }
    for (const { headers } of lab.arrivals) {
      const token = String(headers["txn-token"]);
      dispatched.set(String(payloadOf(token)["txn"]), token);
    }
    await host.gateway.stop();
    trace = steps(file);
    await host.restart("gateway");
    events = (await workflow.events()).length;
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Where each id of this pattern stands in a step of this kind for the first time. */
  const firsts = (kind: Step["kind"], pattern: RegExp): ReadonlyMap<string, number> => {
    const found = new Map<string, number>();
    for (const [at, step] of trace.entries()) {
      if (step.kind !== kind) continue;
      for (const [, id = ""] of step.text.matchAll(pattern)) if (!found.has(id)) found.set(id, at);
    }
    return found;
  };
  const syncAfter = (at: number): number =>
    trace.findIndex(({ kind }, other) => other >= at && kind === "sync");

  it("is an answer only after the sync that covers its settlement", () => {
    expect(answered).toHaveLength(CALLS);
    // Members are sorted: `calls` follows `call` in a settlement, `chain` in an admission.
    const settlements = firsts("record", printed('"call":"(\\w+)","calls":'));
    const answers = firsts("network", printed('"call":"(\\w+)"'));
    for (const call of answered) {
      const recorded = settlements.get(call) ?? -1;
      const synced = syncAfter(recorded);
      const sent = answers.get(call) ?? -1;
      expect(recorded, call).toBeGreaterThanOrEqual(0);
      expect(synced, call).toBeGreaterThan(recorded);
      expect(sent, call).toBeGreaterThan(synced);
    }
  });

  it("is a request for a tool, also to preview, only after the sync that covers its admission", () => {
    expect(dispatched.size).toBe(CALLS);
    const admissions = firsts("record", printed('"txn":"(\\w+)"'));
    const requests = firsts("network", printed('"token":"([\\w.-]+)"'));
    for (const [txn, token] of dispatched) {
      const recorded = admissions.get(txn) ?? -1;
      const synced = syncAfter(recorded);
      const sent = requests.get(token) ?? -1;
      expect(recorded, txn).toBeGreaterThanOrEqual(0);
      expect(synced, txn).toBeGreaterThan(recorded);
      expect(sent, txn).toBeGreaterThan(synced);
    }
  });

  it("shares syncs: there are far fewer than events", () => {
    const syncs = trace.filter(({ kind }) => kind === "sync").length;
    expect(events).toBe(2 * CALLS + 1);
    // At least one for the admissions and one for the settlements of each round.
    expect(syncs).toBeGreaterThanOrEqual(2 * ROUNDS);
    expect(syncs).toBeLessThan(events / 2);
  });
});
