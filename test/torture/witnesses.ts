import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { chainHeads } from "../acceptance/support/chain.ts";
import { payloadOf } from "../acceptance/support/keys.ts";
import type { Arrival } from "../acceptance/support/lab.ts";
import type { NodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, StoredEvent, Workflow } from "../acceptance/support/workflow.ts";
import { checked } from "./checked.ts";

/**
 * After a fault four witnesses tell what happened: the clients, the record, the connector's journal
 * and the service itself. None of them may contradict another.
 */

type Event = StoredEvent["event"];

/** The events of each call, in order. */
export function byCall(events: readonly StoredEvent[]): ReadonlyMap<string, readonly Event[]> {
  const calls = new Map<string, Event[]>();
  for (const { event } of events) {
    // A signal names the call that raised it, and is no part of its story.
    if (typeof event["call"] !== "string" || event.type === "signal.raised") continue;
    calls.set(event["call"], [...(calls.get(event["call"]) ?? []), event]);
  }
  return calls;
}

/** Calls that the journal of a connector knows, as docs/protocol/tunnel.md has it; with the number of its transaction. */
export function journal(host: NodeHost, connector: string): ReadonlyMap<string, string | null> {
  return new Map(
    journalled(host, connector).flatMap(({ call, xid = null }) =>
      call === undefined ? [] : [[call, xid]],
    ),
  );
}

interface Line {
  readonly call?: string;
  readonly xid?: string;
  readonly done?: string;
  readonly state?: string;
}

function journalled(host: NodeHost, connector: string): readonly Line[] {
  const folder = host.folders.find((one) => one.endsWith(`connector-${connector}`));
  if (folder === undefined) throw new Error(`no folder of ${connector}`);
  const text = readFileSync(join(folder, "state", "journal.jsonl"), "utf8");
  // The last line may be torn.
  const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Those of them whose end it does not know: a service may, and nobody else. */
export function undecided(host: NodeHost, connector: string): ReadonlySet<string> {
  const open = new Set<string>();
  for (const { call, done, state } of journalled(host, connector)) {
    if (call !== undefined) open.add(call);
    if (done !== undefined && state !== undefined) open.delete(done);
  }
  return open;
}

interface Effect {
  readonly call: string;
  readonly txn: string;
  readonly mode: string;
  /** Hash of the admission. */
  readonly record: string;
  readonly method: string;
}

/** What reached the service, as the token says that each came with. */
export function effects(arrivals: readonly Arrival[]): Effect[] {
  return arrivals.map(({ method, headers }) => {
    const { txn, tctx } = payloadOf(String(headers["txn-token"])) as unknown as {
      readonly txn: string;
      readonly tctx: { readonly call: string; readonly record: string; readonly mode: string };
    };
    return { ...tctx, txn, method };
  });
}

/** I1 and I7: whatever arrived had been allowed before, durably, under this very token, and once. */
export function effectsHold(arrivals: readonly Arrival[], events: readonly StoredEvent[]): void {
  // A token names the hash of its admission, so that one was written before the token.
  const allowed = new Map(
    events.flatMap(({ event, hash }) => (event.type === "call.admitted" ? [[hash, event]] : [])),
  );
  // A call that moved to another connector went under another token, which the record names, too.
  const moved = new Map(
    events.flatMap(({ event }) =>
      event.type === "call.resent" ? [[String(event["txn"]), event["call"]]] : [],
    ),
  );
  const spent = new Set<string>();
  const made = new Set<string>();
  for (const { call, txn, mode, record, method } of effects(arrivals)) {
    const admitted = allowed.get(record);
    expect(admitted, `${call} arrived and was never allowed`).toBeDefined();
    expect([admitted?.["call"], admitted?.["mode"]]).toEqual([call, mode]);
    if (moved.get(txn) !== call) expect(admitted?.["txn"]).toBe(txn);
    expect(spent.has(txn), `${call} arrived twice under one token`).toBe(false);
    spent.add(txn);
    if (method === "GET") continue;
    expect(made.has(call), `${call} took effect twice`).toBe(false);
    made.add(call);
  }
  checked("I1", "I7");
}

/** I3: the chain, computed again by the suite itself, without a gap. */
export function chainHolds(workflow: Workflow, events: readonly StoredEvent[]): void {
  expect(events.map(({ hash }) => hash)).toEqual(
    chainHeads(workflow.tenant.name, workflow.id, events),
  );
  expect(events.every(({ event }, at) => event.seq === at)).toBe(true);
  checked("I3");
}

/** I3 for all workflows at once, by `audit verify`; the gateway has to be stopped. */
export async function recordHolds(host: NodeHost): Promise<void> {
  const verified = await host.command("audit", "verify", host.dataDir, "--json");
  expect(JSON.parse(verified.stdout)).toMatchObject({ sealedChecked: true, findings: [] });
  checked("I3");
}

const COUNTED = ["calls", "cost", "runtimeMs"] as const;

/** I4: the budget, added up again from the record, is never below zero and is what the gateway says. */
export async function budgetHolds(workflow: Workflow): Promise<void> {
  for (;;) {
    const events = await workflow.events();
    const { used } = await workflow.view();
    // A connector may be proving something meanwhile: only of one moment they can agree.
    if ((await workflow.events()).length !== events.length) continue;
    expect(used).toMatchObject(addedUp(events));
    return checked("I4");
  }
}

function addedUp(
  events: readonly StoredEvent[],
): Readonly<Record<(typeof COUNTED)[number], number>> {
  const open = new Map<unknown, Event>();
  const used = { calls: 0, cost: 0, runtimeMs: 0 };
  const amount = (event: Event | undefined, name: (typeof COUNTED)[number]): number => {
    if (event === undefined) return 0;
    return event.type === "call.admitted" && name === "calls" ? 1 : Number(event[name]);
  };
  for (const { event } of events) {
    if (!["call.admitted", "call.settled", "call.reconciled"].includes(event.type)) continue;
    for (const name of COUNTED) {
      used[name] += amount(event, name) - amount(open.get(event["call"]), name);
      expect(used[name], `${name} at ${event.seq}`).toBeGreaterThanOrEqual(0);
    }
    open.set(event["call"], event);
  }
  return used;
}

export async function connected(workflow: Workflow): Promise<void> {
  const note = (): Promise<Outcome> => workflow.call("lab_note", { text: "anybody there?" });
  await until("a connector", async () => (await note()).outcome === "ok", 30);
}

/** The outcome of a call as its agent may ask for it later. */
export async function toldNow(workflow: Workflow, call: string): Promise<Outcome> {
  const { body } = await workflow.request("GET", `/calls/${call}`);
  return (body as { readonly outcome: Outcome }).outcome;
}
