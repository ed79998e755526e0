import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Postern's own command line; Acme knows no other way to it. */
export const POSTERN = fileURLToPath(new URL("../../../bin/postern.js", import.meta.url));

/** Every command asked for here answers in a second or two. */
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 * 1_024 * 1_024;

export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

/** Runs `postern …args --json` and gives what it says. An exit code of 1 is an answer, too. */
export function postern(args: readonly string[]): Promise<unknown> {
  return runJson([POSTERN, ...args, "--json"]);
}

/** Runs a Node program that ends by itself and writes one JSON value. */
export function runJson(args: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error !== null && error.code !== 1) {
        return reject(new CommandFailed(`${args.join(" ")}: ${stderr.trim() || error.message}`));
      }
      try {
        resolve(JSON.parse(stdout));
      } catch {
        reject(new CommandFailed(`${args.join(" ")}: ${stderr.trim() || "no JSON answer"}`));
      }
    });
  });
}
