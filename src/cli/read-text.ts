import { readFileSync } from "node:fs";
import { CliError } from "./exit.ts";

/** A file that the command line names. `what`: in words of the person who named it. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new CliError(`${file} cannot be read: name the ${what}`);
  }
}
