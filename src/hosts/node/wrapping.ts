import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { newKey } from "./workflow-key.ts";
import { KeyUnusable, Wrapping } from "./wrapping-key.ts";

/** Where the key that wraps all other keys comes from: 32 bytes, base64. */
export type WrappingSource =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: readonly [string, ...string[]] };

/** A key manager's command that hangs must not hang the start for ever. */
const COMMAND_TIMEOUT_MS = 10_000;

export function loadWrapping(
  folder: string,
  source: WrappingSource | undefined,
  env: NodeJS.ProcessEnv,
): Wrapping {
  if (source === undefined) {
    const file = join(folder, "keys", "wrapping.key");
    if (!existsSync(file)) writeSecret(file, newKey().toString("base64"));
    return new Wrapping(Buffer.from(readFileSync(file, "utf8"), "base64"), true);
  }
  return new Wrapping(Buffer.from(readSource(source, env).trim(), "base64"), false);
}

function readSource(source: WrappingSource, env: NodeJS.ProcessEnv): string {
  if ("env" in source) {
    const value = env[source.env];
    if (value === undefined)
      throw new KeyUnusable(`set ${source.env} to the wrapping key (32 bytes, base64)`);
    return value;
  }
  if ("file" in source) return readFileSync(source.file, "utf8");
  const [program, ...args] = source.command;
  return execFileSync(program, args, {
    encoding: "utf8",
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: 4_096,
  });
}

/**
 * Whole and on the disk, or not there: half a key is a key lost, and so is every row under one that
 * a power failure took back. Never readable by others, not even for a moment.
 */
export function writeSecret(file: string, text: string): void {
  const folder = dirname(file);
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { mode: 0o600, flag: "wx", flush: true });
  renameSync(unfinished, file);
  sync(folder);
  // A new folder is only as durable as its own name.
  for (let at = folder; made !== undefined && at !== dirname(made); at = dirname(at)) {
    sync(dirname(at));
  }
}

function sync(folder: string): void {
  const opened = openSync(folder, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
