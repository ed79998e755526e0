import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, createWriteStream, openSync, readSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { killGroup, startWarden, type Warden } from "./warden.ts";

/** A process of Acme that runs until it is stopped, with a log file of its own. */
export interface ChildOptions {
  readonly name: string;
  /** Arguments of `node`. */
  readonly args: readonly string[];
  /** Both output streams go here. */
  readonly log: string;
  readonly env?: { readonly [name: string]: string };
  readonly readyWithinMs?: number;
  /** Every other line of JSON it writes. */
  readonly onLine?: (line: string) => void;
}

export type Facts = { readonly [name: string]: string | number | boolean };

/** Embedded Postgres takes 2 s on two idle cores; on a busy machine ten times that. */
const READY_WITHIN_MS = 90_000;
/** A process that has not ended so long after SIGTERM gets SIGKILL. */
const STOP_WITHIN_MS = 5_000;
/** Enough of a log to see why a process did not come up. */
const TAIL_BYTES = 2_048;

export class ChildFailed extends Error {
  override readonly name = "ChildFailed";
}

let warden: Warden | null = null;
const running = new Set<number>();

/** For an exit that cannot wait. Also reaches what is still coming up. */
export function killAll(): void {
  for (const pid of running) killGroup(pid, "SIGKILL");
}

export class Child {
  readonly name: string;
  /** What it announced. */
  readonly facts: Facts;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(name: string, facts: Facts, process: ChildProcess, ended: Promise<void>) {
    this.name = name;
    this.facts = facts;
    this.#process = process;
    this.#ended = ended;
  }

  /** Resolves when it is up; a process that ends or stays silent first is a ChildFailed. */
  static async start(options: ChildOptions): Promise<Child> {
    const { name, args, log, readyWithinMs = READY_WITHIN_MS } = options;
    const output = createWriteStream(log, { flags: "a", mode: 0o600 });
    // Detached: a group of its own, so that stopping it reaches whatever it started itself.
    const process_ = spawn(process.execPath, args, {
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    // Only then is the log's last line where others can read it.
    const ended = watch(process_).then(async () => {
      output.end();
      await finished(output);
    });
    process_.stderr.pipe(output, { end: false });
    // A process that has gone does not read any more; `ended` says so.
    process_.stdin.on("error", () => undefined);
    const facts = await new Promise<Facts | null>((resolve) => {
      const timer = setTimeout(() => resolve(null), readyWithinMs);
      void ended.then(() => {
        clearTimeout(timer);
        resolve(null);
      });
      createInterface(process_.stdout).on("line", (line) => {
        const found = readyLine(line);
        if (found === null && options.onLine !== undefined) return options.onLine(line);
        output.write(`${line}\n`);
        if (found === null) return;
        clearTimeout(timer);
        resolve(found);
      });
    });
    if (facts !== null) return new Child(name, facts, process_, ended);
    const why = process_.exitCode === null ? `was not up in ${readyWithinMs / 1_000} s` : "ended";
    end(process_, "SIGKILL");
    await ended;
    throw new ChildFailed(`${name} ${why}; the end of ${log}:\n${tail(log)}`);
  }

  /** One line to its standard input. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Asks, waits, then insists. */
  async stop(): Promise<void> {
    end(this.#process, "SIGTERM");
    const timer = setTimeout(() => this.kill(), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** At once, without a chance to clean up. */
  kill(): void {
    end(this.#process, "SIGKILL");
  }

  /** Resolves when the process is gone, for whatever reason. */
  ended(): Promise<void> {
    return this.#ended;
  }
}

/** Resolves when the process has ended, and takes what it started and left behind with it. */
function watch(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) {
    return new Promise((resolve) => void child.once("error", () => resolve()));
  }
  warden ??= startWarden();
  warden.watch(pid);
  running.add(pid);
  return new Promise((resolve) => {
    child.once("exit", () => {
      killGroup(pid, "SIGKILL");
      running.delete(pid);
      warden?.forget(pid);
    });
    // After `exit`, once its last output has been read.
    child.once("close", () => resolve());
  });
}

function end({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined && running.has(pid)) killGroup(pid, signal);
}

/** Every process here says `{"event":"ready",…}` when it is up: Postern's and Acme's own. */
function readyLine(line: string): Facts | null {
  return line.startsWith('{"event":"ready"') ? (JSON.parse(line) as Facts) : null;
}

function tail(path: string): string {
  try {
    const start = Math.max(0, statSync(path).size - TAIL_BYTES);
    const file = openSync(path, "r");
    const buffer = Buffer.alloc(TAIL_BYTES);
    const length = readSync(file, buffer, 0, TAIL_BYTES, start);
    closeSync(file);
    return buffer.toString("utf8", 0, length);
  } catch {
    return "(no log)";
  }
}
