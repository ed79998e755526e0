import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

export type SecretSource =
  | { readonly file: string }
  /** Program, absolute, and its arguments: no shell reads them. */
  | { readonly command: readonly [string, ...string[]] };

/** After so long a value is looked up again, beside the request that wants it. */
const FRESH_MS = 60_000;
/** A service that refuses everybody does not make us run a command for each. */
const PAUSE_MS = 10_000;
/** A command that hangs hangs the start, or one renewal; never a request. */
const COMMAND_TIMEOUT_MS = 10_000;
const MAX_SECRET_BYTES = 16 * 1_024;

/**
 * What a private service wants to see: read once at the start, and again where it comes from a file
 * or a command, because such secrets are rotated. While a new one cannot be read the old one stays:
 * the service says whether it is still good.
 */
export class Secret {
  readonly #source: SecretSource | null;
  readonly #valid: (value: string) => boolean;
  readonly #elapsed: () => number;
  #value: string;
  #readAt: number;
  #renewal: Promise<boolean> | null = null;

  private constructor(
    value: string,
    source: SecretSource | null,
    valid: (value: string) => boolean,
    elapsed: () => number,
  ) {
    this.#value = value;
    this.#source = source;
    this.#valid = valid;
    this.#elapsed = elapsed;
    this.#readAt = elapsed();
  }

  static fixed(value: string): Secret {
    return new Secret(
      value,
      null,
      () => true,
      () => 0,
    );
  }

  /** Null: it cannot be read, or is not `valid`. Blocks: for the start only. */
  static read(
    source: SecretSource,
    valid: (value: string) => boolean,
    elapsed: () => number = () => performance.now(),
  ): Secret | null {
    try {
      const value = trimmed("file" in source ? readFileSync(source.file) : runNow(source.command));
      return valid(value) ? new Secret(value, source, valid, elapsed) : null;
    } catch {
      return null;
    }
  }

  /** What is known now; asks for a newer one when it is old. */
  get value(): string {
    if (this.#source !== null && this.#elapsed() - this.#readAt >= FRESH_MS) void this.renew();
    return this.#value;
  }

  /** The service did not take it. The next request may have a newer one; this one is not sent again. */
  refused(): void {
    if (this.#elapsed() - this.#readAt >= PAUSE_MS) void this.renew();
  }

  /** Whether it could be read. */
  renew(): Promise<boolean> {
    return (this.#renewal ??= this.#again().finally(() => {
      this.#renewal = null;
    }));
  }

  async #again(): Promise<boolean> {
    const source = this.#source;
    if (source === null) return true;
    this.#readAt = this.#elapsed();
    try {
      const bytes = "file" in source ? await readFile(source.file) : await run(source.command);
      const value = trimmed(bytes);
      if (!this.#valid(value)) return false;
      this.#value = value;
      return true;
    } catch {
      return false;
    }
  }
}

/** One line end belongs to the file, not to the secret. */
function trimmed(bytes: Buffer): string {
  if (bytes.length > MAX_SECRET_BYTES) throw new RangeError("longer than any secret");
  const text = bytes.toString("utf8").replace(/\r?\n$/, "");
  if (text === "") throw new RangeError("empty");
  return text;
}

const LIMITS = {
  encoding: "buffer",
  shell: false,
  timeout: COMMAND_TIMEOUT_MS,
  killSignal: "SIGKILL",
  maxBuffer: MAX_SECRET_BYTES,
  windowsHide: true,
} as const;

function runNow([program, ...args]: readonly [string, ...string[]]): Buffer {
  return execFileSync(program, args, { ...LIMITS, stdio: ["ignore", "pipe", "ignore"] });
}

async function run([program, ...args]: readonly [string, ...string[]]): Promise<Buffer> {
  const running = promisify(execFile)(program, args, LIMITS);
  running.child.stdin?.end();
  return (await running).stdout;
}
