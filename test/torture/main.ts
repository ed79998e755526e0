import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { TortureMeta } from "./checked.ts";
import { type Torture, tortures } from "./table.ts";

/**
 *   npm run torture                        every number, one after another
 *   npm run torture -- --only 30[,31]      these
 *   npm run torture -- --seed S            the same random choices again
 */

/** One test, as vitest's JSON reporter writes it. */
interface Told {
  readonly fullName: string;
  readonly status: string;
  readonly duration?: number;
  readonly failureMessages: readonly string[];
  readonly meta: TortureMeta;
}

/** A number that takes longer than this hangs. */
const LIMIT_MS = 15 * 60_000;
/** So does a test: each command that it runs is a process, which a busy machine starts slowly. */
const TEST_LIMIT_MS = 5 * 60_000;

/** Of so many tests in one file, those that passed at once are only counted. */
const MANY = 12;
const AT_ONCE_MS = 100;

/** Characters; the assertion and where it stands. */
const TOLD_OF_A_FAILURE = 1_500;

const { values } = parseArgs({ options: { only: { type: "string" }, seed: { type: "string" } } });
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : whole(values.seed);
const wanted = values.only?.split(",").map(whole);
const known = tortures().filter(({ file }) => file !== null);
const absent = (wanted ?? []).filter((number) => known.every((one) => one.number !== number));
if (absent.length > 0) usage(`no torture ${absent.join(", ")}: see test/torture/README.md`);

const at = `seed ${seed} at ${commit()}`;
process.stdout.write(`${at}\n`);
const failed: number[] = [];
for (const torture of known) {
  if (wanted !== undefined && !wanted.includes(torture.number)) continue;
  if (!(await run(torture))) failed.push(torture.number);
}
if (failed.length > 0) {
  const again = `npm run torture -- --only ${failed.join(",")} --seed ${seed}`;
  process.stdout.write(`\nfailed: ${failed.join(", ")}; again: ${again}\n`);
  process.exitCode = 1;
}

async function run({ number, fault, file, invariants }: Torture): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "torture-"));
  const report = join(folder, "report.json");
  const started = performance.now();
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const limits = [`--testTimeout=${TEST_LIMIT_MS}`, `--hookTimeout=${TEST_LIMIT_MS}`];
    const suite = `test/torture/${file}`;
    const vitest = ["node_modules/vitest/vitest.mjs", "run", suite, ...limits, ...reporters];
    const child = spawn(process.execPath, vitest, {
      env: { ...process.env, POSTERN_SEED: String(seed) },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    const [code] = (await once(child, "close")) as [number | null];
    const tests = told(report);
    const seen = new Set(tests.flatMap(({ meta }) => meta.invariants ?? []));
    const unchecked = invariants.filter((one) => !seen.has(one));
    const ok = code === 0 && unchecked.length === 0;
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    process.stdout.write(
      `\n${ok ? "passed" : "FAILED"}  torture ${number}: ${fault}\n` +
        `        ${at} · checked ${[...seen].sort().join(" ") || "nothing"} · ${seconds} s\n`,
    );
    const quick = tests.length > MANY ? tests.filter(unremarkable) : [];
    for (const test of tests) if (!quick.includes(test)) process.stdout.write(line(test));
    if (quick.length > 0) process.stdout.write(`  passed   each at once: ${quick.length} more\n`);
    if (unchecked.length > 0) process.stdout.write(`  never checked: ${unchecked.join(" ")}\n`);
    if (code !== 0) process.stdout.write(output);
    return ok;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function told(report: string): readonly Told[] {
  try {
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
      testResults: { assertionResults: Told[] }[];
    };
    return testResults.flatMap(({ assertionResults }) => assertionResults);
  } catch {
    // It died before it could report: what it printed says why.
    return [];
  }
}

function unremarkable({ status, duration = 0, meta }: Told): boolean {
  return status === "passed" && duration < AT_ONCE_MS && meta.figures === undefined;
}

function line({ fullName, status, duration = 0, failureMessages, meta }: Told): string {
  const figures = Object.entries(meta.figures ?? {}).map(([name, value]) => `${name} ${value}`);
  const more = figures.length === 0 ? "" : `\n            ${figures.join(" · ")}`;
  const seconds = (duration / 1_000).toFixed(1).padStart(5);
  const name = fullName.replace(/^torture \d+: /, "");
  // Beside the name: of a long log often only such lines are kept, and chance may not fail it again.
  const why = failureMessages.map((message) => `${message.slice(0, TOLD_OF_A_FAILURE)}\n`).join("");
  return `  ${status.padEnd(7)} ${seconds} s  ${name}${more}\n${why}`;
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) usage("--only and --seed take whole numbers");
  return number;
}

function usage(text: string): never {
  process.stderr.write(`${text}\n`);
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
