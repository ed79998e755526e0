import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.ts";
import { simulate } from "./simulation.ts";

/**
 *   npm run simulate -- --seeds N      seeds 1 to N, on every core; prints what occurred
 *   npm run simulate -- --seed S       one seed again, with the stack of what it breaks
 */

/** Seeds of one message between threads. */
const CHUNK = 20;

interface Done {
  readonly seeds: number;
  readonly counts: readonly (readonly [string, number])[];
  readonly failure: { readonly seed: number; readonly message: string } | null;
}

if (isMainThread) await main();
else work();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seeds: { type: "string" }, seed: { type: "string" } },
  });
  if (values.seed !== undefined) {
    const run = simulate(whole(values.seed));
    process.stdout.write(`seed ${run.seed}: ${run.steps} steps, ${run.events} events, kept\n`);
    return;
  }
  const seeds = whole(values.seeds ?? "200");
  const started = performance.now();
  const coverage = new Coverage();
  let done = 0;
  let failures = 0;
  const progress = (): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds`);
  };
  const threads = Math.min(availableParallelism(), Math.ceil(seeds / CHUNK));
  await Promise.all(
    Array.from({ length: threads }, (_, at) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { at, threads, seeds } });
      worker.on("message", (message: Done) => {
        done += message.seeds;
        coverage.add(message.counts);
        progress();
        if (message.failure === null) return;
        failures++;
        const { seed, message: why } = message.failure;
        process.stderr.write(`\nseed ${seed} at ${commit()}: ${why}\n`);
        process.stderr.write(`again: npm run simulate -- --seed ${seed}\n`);
      });
      return new Promise<void>((resolve, reject) => {
        worker.once("error", reject);
        worker.once("exit", () => resolve());
      });
    }),
  );
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  process.stdout.write(`\n${coverage.table()}\n\n${done} seeds in ${seconds} s\n`);
  // Few seeds cannot meet everything; that they kept the promises says enough.
  const missing = seeds >= 200 ? coverage.missing : [];
  if (missing.length > 0) process.stderr.write(`never occurred: ${missing.join(", ")}\n`);
  process.exitCode = failures === 0 && missing.length === 0 ? 0 : 1;
}

function work(): void {
  const { at, threads, seeds } = workerData as { at: number; threads: number; seeds: number };
  let counts = new Coverage();
  let chunk = 0;
  const tell = (failure: Done["failure"]): void => {
    parentPort?.postMessage({ seeds: chunk, counts: counts.entries(), failure } satisfies Done);
    counts = new Coverage();
    chunk = 0;
  };
  for (let seed = 1 + at; seed <= seeds; seed += threads) {
    chunk++;
    try {
      counts.add(simulate(seed).counts);
    } catch (error) {
      tell({ seed, message: error instanceof Error ? error.message : String(error) });
    }
    if (chunk >= CHUNK) tell(null);
  }
  tell(null);
}

function whole(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  process.stderr.write("--seeds and --seed take a whole number above 0\n");
  process.exit(2);
}

/** A seed replays only on the code that it failed on. */
function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "an unknown commit";
  }
}
