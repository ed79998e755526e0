import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "undici";
import { AdminClient } from "../src/cli/admin-client.ts";
import { governedPlan } from "./bodies.ts";
import { recorded } from "./calls.ts";
import { type Governed, type Opened, startGoverned } from "./governed.ts";
import { load } from "./load.ts";
import { start } from "./process.ts";

/**
 * What one agent feels of a slow, a hostile and a greedy neighbour, as p99 with and without them in
 * one run: `npm run bench:fair`. The neighbours are another workflow of the same tenant, on the same
 * connector. Each figure is the median of a few rounds, with and without in turn, so that what else the
 * machine does is in both. Void if the neighbour did nothing, or if the record does not verify.
 */
const { values } = parseArgs({ options: { calls: { type: "string" }, json: { type: "boolean" } } });
const CALLS = Number(values.calls ?? 400);
const CONNECTIONS = 2;
const WARM_UP = 200;
const ROUNDS = 3;
/** More than the slow destination takes at one time, fewer than one session carries. */
const SLOW = 200;
const HOSTILE = 2;
const GREEDY = 8;
const POLL_MS = 50;

const upstream = await start([join(import.meta.dirname, "upstream.ts")], null);
await using governed = await startGoverned(String(upstream.facts["url"]), null, null);
try {
  const quiet = await p99();
  const beside: { [name: string]: number } = {};
  for (const [name, size, connections] of [
    ["a tool that never answers", "never", SLOW],
    ["a tool that answers with gigabytes", "flood", HOSTILE],
    ["a workflow that calls without a pause", "1024", GREEDY],
  ] as const) {
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = await p99();
      await using _noise = await neighbour(governed, size, connections);
      ratios.push((await p99()) / before);
    }
    beside[name] = median(ratios);
  }
  if (!(await governed.record()).verified) throw new Error("void: the chain does not verify");
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ quietP99Ms: quiet, beside })}\n`
      : report(quiet, beside),
  );
} finally {
  await upstream.stop();
}

async function p99(): Promise<number> {
  const count = CALLS + WARM_UP;
  const plan = await governedPlan(governed.opened, "body_read", "1024", count);
  const shared = { connections: CONNECTIONS, calls: CALLS, warmUp: WARM_UP, expect: "xxxxxxxx" };
  return (await load({ ...plan, ...shared }, () => undefined)).p99Ms;
}

/** Calls over these connections, again and again, until it is disposed of; here when all have begun. */
async function neighbour(
  from: Governed,
  size: string,
  connections: number,
): Promise<AsyncDisposable> {
  const opened = await from.open();
  const { origin } = new URL(opened.url);
  const clients = Array.from({ length: connections }, () => new Client(origin));
  let over = false;
  const loops = clients.map(async (client) => {
    // What is destroyed in the middle of a call ends its loop.
    while (!over) await call(client, opened, size).catch(() => undefined);
  });
  const admin = new AdminClient(from.data, undefined);
  while ((await recorded(admin, opened.workflow)) < connections) await sleep(POLL_MS);
  return {
    async [Symbol.asyncDispose]() {
      over = true;
      await Promise.all(clients.map((client) => client.destroy()));
      await Promise.all(loops);
    },
  };
}

async function call(client: Client, opened: Opened, size: string): Promise<void> {
  const { url, method, headers, body, proofs } = await governedPlan(opened, "slow_read", size, 1);
  const answer = await client.request({
    ...{ path: new URL(url).pathname, method, body },
    headers: { ...headers, dpop: (await proofs?.next()) ?? "" },
  });
  await answer.body.text();
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
}

function report(quiet: number, beside: { readonly [name: string]: number }): string {
  const lines = Object.entries(beside).map(
    ([name, ratio]) => `p99 beside ${name.padEnd(38)} ${ratio.toFixed(2)} × of without`,
  );
  return `p99 alone ${quiet.toFixed(1)} ms, ${CONNECTIONS} connections, ${CALLS} calls each, median of ${ROUNDS}\n${lines.join("\n")}\n`;
}
