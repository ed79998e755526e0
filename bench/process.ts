import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** Clock ticks of /proc/PID/stat; Linux has said 100 for as long as it has mattered. */
const TICKS_PER_SECOND = 100;
const READY_WITHIN_MS = 30_000;

export interface Running {
  readonly pid: number;
  readonly facts: { readonly [name: string]: string };
  stop(): Promise<void>;
}

/**
 * A Node program that says `{"event":"ready",…}`, kept on one core where `taskset` is there. `yielding`:
 * whatever else wants that core has it at once.
 */
export function start(
  args: readonly string[],
  core: number | null,
  yielding = false,
): Promise<Running> {
  const nice = yielding ? ["chrt", "--idle", "0"] : [];
  const pin = core === null ? [] : ["taskset", "-c", String(core)];
  const [program = "", ...all] = [...nice, ...pin, process.execPath, ...args];
  const child = spawn(program, all, { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2_000)));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail("was not up in time"), READY_WITHIN_MS);
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`${args.join(" ")} ${why}: ${errors}`));
    };
    child.once("error", () => fail("could not be started"));
    child.once("exit", () => fail("ended"));
    createInterface(child.stdout).on("line", (line) => {
      if (!line.startsWith('{"event":"ready"')) return;
      clearTimeout(timer);
      child.removeAllListeners("exit");
      const facts = JSON.parse(line) as { [name: string]: string };
      resolve({ pid: child.pid ?? 0, facts, stop: () => stopped(child) });
    });
  });
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

/** Seconds of processor time a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident megabytes. */
export function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1_024;
}
