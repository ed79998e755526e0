import { parseArgs } from "node:util";
import { AdminClient } from "../src/cli/admin-client.ts";
import { startGoverned } from "./governed.ts";
import { kill } from "./kill.ts";
import { Silence } from "./silence.ts";
import { trap } from "./trap.ts";

/**
 * How fast something stops, once somebody pulls the switch (`kill.ts`) and when nobody does, because an
 * agent touched a trap (`trap.ts`). `--json` is for machines.
 */
const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    locks: { type: "string" },
    traps: { type: "string" },
    calls: { type: "string" },
  },
});
const LOCKS = Number(values.locks ?? 100);
const TRAPS = Number(values.traps ?? 40);
const CALLS = Number(values.calls ?? 200);
/** The first pay for compilation. */
const WARM_UP = 5;

const upstream = new Silence();
await using governed = await startGoverned({ notes: await upstream.start() }, null, null);
const admin = new AdminClient(governed.data, undefined);
try {
  const killed = await rounds(LOCKS, () => kill(governed, admin, upstream, CALLS));
  const contained = await rounds(TRAPS, () => trap(governed, admin, upstream, CALLS));
  const figures = {
    inForceMs: percentiles(killed.map((one) => one.inForceMs)),
    drainedMs: percentiles(killed.map((one) => one.drainedMs)),
    signalToInForceMs: percentiles(contained.map((one) => one.inForceMs)),
    signalToImpossibleMs: percentiles(contained.map((one) => one.impossibleMs)),
  };
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ locks: LOCKS, traps: TRAPS, calls: CALLS, ...figures })}\n`
      : report(figures),
  );
} finally {
  await upstream.stop();
}

async function rounds<T>(count: number, once: () => Promise<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for (let round = -WARM_UP; round < count; round++) {
    const one = await once();
    if (round >= 0) all.push(one);
    if (process.stderr.isTTY) process.stderr.write(`\r${Math.max(0, round + 1)} of ${count} `);
  }
  return all;
}

type Percentiles = { readonly [name in "p50" | "p95" | "p99" | "max"]: number };

function percentiles(all: readonly number[]): Percentiles {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function report(all: { readonly [name: string]: Percentiles }): string {
  const line = (name: string): string =>
    Object.entries(all[name] ?? {})
      .map(([share, ms]) => `${share} ${`${ms.toFixed(1)} ms`.padStart(9)}`)
      .join("  ");
  return [
    `${LOCKS} locks with ${CALLS} calls in flight each; none admitted after, every call ended as locked`,
    `in force               ${line("inForceMs")}   (target: p99 of at most 50 ms)`,
    `drained                ${line("drainedMs")}`,
    `${TRAPS} agents with ${CALLS} calls in flight each touch a trap; from the signal`,
    `  nothing is admitted  ${line("signalToInForceMs")}`,
    `  no effect possible   ${line("signalToImpossibleMs")}   (target: p95 of at most 3 s)`,
    "",
  ].join("\n");
}
