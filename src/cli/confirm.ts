import { createInterface } from "node:readline/promises";
import { CliError, EXIT } from "./exit.ts";

/**
 * Whoever sits at a terminal has read what was just printed before they say yes; a script said it with
 * its command. Anything but a yes is a no.
 */
export async function confirmed(question: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("nothing was decided", EXIT.no);
  } finally {
    lines.close();
  }
}
