import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** The project's folder: every process runs from it. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** For a process that hangs: on a busy machine each takes a multiple of its 2 s. */
const READY_TIMEOUT_MS = 150_000;
/** A process that ignores SIGTERM for this long fails the test that stopped it. */
const STOP_TIMEOUT_MS = 15_000;

type Facts = { readonly [name: string]: unknown };

function readyFacts(text: string): Facts | null {
  if (!text.startsWith("{")) return null;
  const facts = JSON.parse(text) as Facts;
  return facts["event"] === "ready" || facts["ready"] === true ? facts : null;
}

/** One process of the system under test, with everything it ever wrote. */
export class Running {
  readonly name: string;
  readonly exited: Promise<number | NodeJS.Signals>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;

  constructor(name: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program = "", ...args] = argv;
    this.name = name;
    this.#child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1", NODE_NO_WARNINGS: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.exited = once(this.#child, "close").then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    );
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): string {
    return this.stdout + this.stderr;
  }

  /** The first line of standard output that `accept` makes something of. */
  async line<T>(accept: (text: string) => T | null, timeoutMs = READY_TIMEOUT_MS): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      for (const text of this.stdout.split("\n").slice(0, -1)) {
        const found = accept(text);
        if (found !== null) return found;
      }
      if (!this.alive || deadline.aborted) {
        const why = this.alive ? "said nothing in time" : "ended before it was ready";
        throw new Error(`${this.name} ${why}:\n${this.output}`);
      }
      await Promise.race([once(this.#child.stdout!, "data"), this.exited, aborted(deadline)]);
    }
  }

  /** The JSON line by which a process says that it is up. */
  ready(timeoutMs?: number): Promise<Facts> {
    return this.line(readyFacts, timeoutMs);
  }

  /** What it said when it was up; null: it was not yet. */
  get facts(): Facts | null {
    const lines = this.stdout.split("\n").slice(0, -1);
    return lines.map(readyFacts).find((facts) => facts !== null) ?? null;
  }

  /** SIGTERM, and the exit code it led to. */
  async stop(): Promise<number | NodeJS.Signals> {
    if (this.alive) this.#child.kill("SIGTERM");
    const deadline = AbortSignal.timeout(STOP_TIMEOUT_MS);
    const code = await Promise.race([this.exited, aborted(deadline)]);
    if (code !== undefined) return code;
    await this.kill();
    throw new Error(`${this.name} did not stop within ${STOP_TIMEOUT_MS} ms:\n${this.output}`);
  }

  /** SIGKILL: no goodbye, no flush. */
  async kill(): Promise<void> {
    if (this.alive) this.#child.kill("SIGKILL");
    await this.exited;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resident memory now, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

export interface Ended {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const command = new Running(argv.join(" "), argv, env);
  const code = await command.exited;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

/** The `postern` command, as npm would start it. */
export function postern(...args: readonly string[]): string[] {
  return [process.execPath, `${ROOT}bin/postern.js`, ...args];
}

/**
 * Of this machine, free a moment ago, and below those that systems give to whoever asks for any
 * port: nobody comes by it by chance until it is taken, or while its owner is dead.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
