import { expect } from "vitest";
import type { NodeHost } from "../acceptance/support/node-host.ts";
import { type Sink, sinksIn, tracesOf } from "../acceptance/support/sinks.ts";
import type { StoredEvent, Workflow } from "../acceptance/support/workflow.ts";
import type { World } from "../acceptance/support/world.ts";
import { chainHolds, effectsHold } from "./witnesses.ts";

/** Tokens that are searched for in everything that was written: each costs a pass over all of it. */
const MOST_TOKENS = 400;

/** I1 and I7 of everything that arrived at the laboratory, in these workflows or not at all. */
export async function effectsWereAllowed(
  { lab }: World,
  workflows: readonly Workflow[],
): Promise<void> {
  const records = await Promise.all(workflows.map((workflow) => workflow.events()));
  effectsHold(lab.arrivals, records.flat());
  // Nothing arrived: nothing was shown.
  expect(lab.arrivals.length).toBeGreaterThan(0);
}

/** I3: the chain of each, computed again from the outside, and the whole folder by `audit verify`. */
export async function recordVerifies(
  host: NodeHost,
  workflows: readonly Workflow[],
): Promise<readonly StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (const workflow of workflows) {
    const events = await workflow.events();
    chainHolds(workflow, events);
    all.push(...events);
  }
  const { stdout } = await host.command("audit", "verify", host.dataDir, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ findings: [] });
  return all;
}

/** I6: no signature of any token that was ever sent here, and none of these, in any file or output. */
export function nothingLeaked(
  { host, acme, globex, lab }: World,
  canaries: readonly string[] = [],
): void {
  const callTokens = lab.arrivals.map(({ headers }) => String(headers["txn-token"] ?? ""));
  const tokens = [...acme.tokens, ...globex.tokens, ...callTokens];
  const signatures = tokens.map((token) => token.split(".")[2] ?? "");
  const distinct = [...new Set(signatures.filter((one) => one.length > 40))];
  // Evenly thinned: whoever logs tokens logs more than one.
  const each = Math.ceil(distinct.length / MOST_TOKENS);
  const secrets = [...distinct.filter((_, n) => n % each === 0), ...canaries];
  expect(secrets.length).toBeGreaterThan(0);
  const outputs: Sink[] = host.history.map(({ name, output }) => ({
    name: `output of ${name}`,
    bytes: Buffer.from(output),
  }));
  expect(tracesOf(secrets, [...sinksIn(host.folders), ...outputs])).toEqual([]);
}

/** I4: nothing below zero, nothing beyond its limit. */
export async function budgetsHold(workflows: readonly Workflow[]): Promise<void> {
  for (const workflow of workflows) {
    const { used, limits } = (await workflow.view()) as unknown as {
      readonly used: { readonly [counter: string]: unknown };
      readonly limits: { readonly [counter: string]: unknown };
    };
    for (const counter of ["calls", "cost", "runtimeMs"] as const) {
      expect(used[counter], counter).toBeGreaterThanOrEqual(0);
      expect(used[counter], counter).toBeLessThanOrEqual(Number(limits[counter]));
    }
  }
}
