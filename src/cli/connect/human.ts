import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readBounded } from "../../sdk/body.ts";
import { CliError } from "../exit.ts";

/** How a human's ID token is had: from a command that signs them in, or from a file. */
export type HumanSource =
  | { readonly command: readonly [string, ...string[]] }
  | { readonly tokenFile: string };

/** Milliseconds. A person with a browser and a second factor needs minutes, not more. */
const SIGN_IN_TIMEOUT_MS = 300_000;
/** An ID token with many groups has a few kilobytes. */
const MAX_TOKEN_BYTES = 64 * 1_024;

const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export async function humanToken(
  source: HumanSource,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const text =
    "command" in source ? await run(source.command, folder, signal) : read(source, folder);
  const token = text.trim();
  // What it is instead is not shown: it may still be a secret.
  if (!COMPACT_JWS.test(token)) throw new CliError("the human's sign-in gave no ID token");
  return token;
}

function read({ tokenFile }: { readonly tokenFile: string }, folder: string): string {
  try {
    return readFileSync(resolve(folder, tokenFile), "utf8");
  } catch {
    throw new CliError(`the token file ${tokenFile} cannot be read`);
  }
}

/** Standard input is closed to it: over stdio that is the client's. It may speak on stderr. */
async function run(
  [command, ...args]: readonly [string, ...string[]],
  cwd: string,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    signal,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: SIGN_IN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const ended = new Promise<number | null>((done) => {
    child.once("error", () => done(null));
    child.once("close", (code) => done(code));
  });
  const output = await readBounded(child.stdout, MAX_TOKEN_BYTES);
  if (output === null) child.kill("SIGKILL");
  if ((await ended) !== 0 || output === null) {
    throw new CliError(`the human's sign-in failed: ${command} did not end well`);
  }
  return new TextDecoder().decode(output);
}
