import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { AdminClient } from "../src/cli/admin-client.ts";
import { governedPlan } from "./bodies.ts";
import { recorded } from "./calls.ts";
import { type Governed, type Opened, startGoverned, type Tenant } from "./governed.ts";
import { latenciesOf, quantile } from "./load.ts";
import { start } from "./process.ts";

/**
 * What one agent feels of its neighbours: `npm run bench:fair`. Its calls are measured in short rounds, in
 * turn without and beside each neighbour, so that what else the machine does is in both; a figure is the
 * p99 of all its calls. The gateway has one core. Neighbours, their connector and their services yield to
 * whoever is measured on the other one: in production they have machines of their own. Void if a neighbour
 * did nothing, or if the record does not verify.
 */
const { values } = parseArgs({
  options: {
    calls: { type: "string" },
    rounds: { type: "string" },
    json: { type: "boolean" },
  },
});
/** Of one round. */
const CALLS = Number(values.calls ?? 150);
const ROUNDS = Number(values.rounds ?? 8);
const CONNECTIONS = 2;
const WARM_UP = 50;
const POLL_MS = 50;

interface Neighbour {
  readonly name: string;
  readonly tenant: Tenant;
  readonly tool: "slow_read" | "body_read";
  readonly size: string;
  readonly connections: number;
}

const NEIGHBOURS: readonly Neighbour[] = [
  // More than the slow destination takes at one time, fewer than one session carries.
  {
    ...{ name: "a tool that never answers", tenant: "bench" },
    ...{ tool: "slow_read", size: "never", connections: 200 },
  },
  {
    ...{ name: "a tool that answers with gigabytes", tenant: "bench" },
    ...{ tool: "slow_read", size: "flood", connections: 2 },
  },
  {
    ...{ name: "a workflow that calls without a pause", tenant: "bench" },
    ...{ tool: "slow_read", size: "1024", connections: 32 },
  },
  {
    ...{ name: "a tenant that floods", tenant: "neighbour" },
    ...{ tool: "body_read", size: "1024", connections: 256 },
  },
];

const pinned = availableParallelism() > 1;
const [gatewayCore, otherCore] = pinned ? [0, 1] : [null, null];
if (pinned) execFileSync("taskset", ["-cp", "1", String(process.pid)], { stdio: "ignore" });

const folder = mkdtempSync(join(tmpdir(), "postern-fair-"));
const service = join(import.meta.dirname, "upstream.ts");
const [own, slow] = [await start([service], otherCore), await start([service], otherCore, true)];
try {
  const slowUrl = String(slow.facts["url"]);
  const services = { notes: String(own.facts["url"]), slow: slowUrl, neighbour: slowUrl };
  await using governed = await startGoverned(services, gatewayCore, otherCore);
  await round(governed);
  const results = [];
  for (const neighbour of NEIGHBOURS) results.push(await compared(governed, neighbour));
  if (!(await governed.record()).verified) throw new Error("void: the chain does not verify");
  process.stdout.write(values.json === true ? `${JSON.stringify(results)}\n` : report(results));
} finally {
  await own.stop();
  await slow.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Compared {
  readonly name: string;
  readonly quiet: { readonly p50Ms: number; readonly p99Ms: number };
  readonly beside: { readonly p50Ms: number; readonly p99Ms: number };
  /** Of the p99 alone. */
  readonly ratio: number;
  /** What the neighbour recorded meanwhile. */
  readonly events: number;
}

async function compared(governed: Governed, neighbour: Neighbour): Promise<Compared> {
  const { name, tenant } = neighbour;
  const admin = new AdminClient(governed.data, tenant);
  const opened = await governed.open(tenant);
  const quiet: number[] = [];
  const beside: number[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    process.stderr.write(`${name}, round ${at + 1} of ${ROUNDS}\n`);
    quiet.push(...(await round(governed)));
    const before = await recorded(admin, opened.workflow);
    const noise = await begun(neighbour, opened);
    // Each of its connections has called.
    while ((await recorded(admin, opened.workflow)) < before + neighbour.connections) {
      await sleep(POLL_MS);
    }
    beside.push(...(await round(governed)));
    await noise.stop();
  }
  const [one, other] = [summary(quiet), summary(beside)];
  const events = await recorded(admin, opened.workflow);
  return { name, quiet: one, beside: other, ratio: other.p99Ms / one.p99Ms, events };
}

async function round(governed: Governed): Promise<Iterable<number>> {
  const plan = await governedPlan(governed.opened, "body_read", "1024", CALLS + WARM_UP);
  const shared = { connections: CONNECTIONS, calls: CALLS, warmUp: WARM_UP, expect: "xxxxxxxx" };
  return (await latenciesOf({ ...plan, ...shared }, () => undefined)).latencies;
}

async function begun({ tool, size, connections }: Neighbour, opened: Opened) {
  const file = join(folder, "opened.json");
  writeFileSync(file, JSON.stringify(opened));
  const program = join(import.meta.dirname, "neighbour.ts");
  return start([program, file, tool, size, String(connections)], otherCore, true);
}

function summary(latencies: readonly number[]): Compared["quiet"] {
  const sorted = Float64Array.from(latencies).sort();
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
}

function report(results: readonly Compared[]): string {
  const lines = results.map(({ name, quiet, beside, ratio, events }) =>
    [
      name.padEnd(38),
      `p99 ${beside.p99Ms.toFixed(1)} ms, alone ${quiet.p99Ms.toFixed(1)} ms: ${ratio.toFixed(2)} ×`,
      `(p50 ${beside.p50Ms.toFixed(1)}, ${quiet.p50Ms.toFixed(1)}; ${events} events of the neighbour)`,
    ].join("  "),
  );
  return `${CONNECTIONS} connections, ${ROUNDS} rounds of ${CALLS} calls each way\n${lines.join("\n")}\n`;
}
