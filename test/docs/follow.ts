import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { ROOT, run, Running } from "../acceptance/support/process.ts";
import { applyDiff, type Guide, type Step } from "./guide.ts";

export interface Reader {
  /** What a reader has in the place of each placeholder. */
  readonly own: { readonly [placeholder: string]: string };
  readonly sql: (text: string) => Promise<unknown>;
  /** Of every process beside. */
  readonly env: { readonly [name: string]: string };
}

/** As npm starts it, without a second of npm for each command. */
const POSTERN = `'${process.execPath}' '${ROOT}bin/postern.js'`;
/** They stay up until they are stopped, or started again. */
const DAEMON = /npm run postern -- (gateway|connector) run /;

/** Does what a guide says, step by step, and finds what it shows. */
export async function follow(guide: Guide, reader: Reader): Promise<void> {
  const daemons = new Map<string, Running>();
  try {
    for (const step of guide.steps) {
      try {
        await take({ ...step, text: fillIn(step.text, reader.own) }, reader, daemons);
      } catch (error) {
        throw new Error(`the block in line ${step.line}: ${String(error)}`, { cause: error });
      }
    }
  } finally {
    for (const daemon of [...daemons.values()].toReversed()) await daemon.stop();
  }
}

async function take(step: Step, reader: Reader, daemons: Map<string, Running>): Promise<void> {
  if (step.kind === "sql") {
    await reader.sql(step.text);
    return;
  }
  if (step.kind === "diff") {
    const [header = "", ...hunk] = step.text.split("\n");
    const file = header.replace(/^--- /, "");
    writeFileSync(file, applyDiff(readFileSync(file, "utf8"), hunk.join("\n")));
    return;
  }
  const daemon = DAEMON.exec(step.text)?.[1];
  if (daemon === undefined) return command(step, reader);
  await daemons.get(daemon)?.stop();
  // So that a signal reaches the daemon itself, and no shell in front of it.
  const started = shell(step.text.replace("npm run postern --", `exec ${POSTERN}`));
  const running = new Running(daemon, started, reader.env);
  daemons.set(daemon, running);
  await running.ready();
}

async function command(
  { text, exit, shows }: Extract<Step, { kind: "sh" }>,
  { env }: Reader,
): Promise<void> {
  const { code, stdout, stderr } = await run(shell(text), env);
  if (code !== exit) throw new Error(`${text}\nended with ${code}:\n${stdout}${stderr}`);
  if (shows !== null) compare(stdout, shows);
}

function compare(stdout: string, shows: string): void {
  // "…" stands for what is different each time.
  const shown: unknown = JSON.parse(shows, (_, value) =>
    value === "…" ? expect.anything() : value,
  );
  expect(JSON.parse(stdout)).toMatchObject(shown as object);
}

function shell(text: string): string[] {
  const own = text.replaceAll(/npm run (-s )?postern --/g, POSTERN);
  return ["bash", "-euo", "pipefail", "-c", own];
}

function fillIn(text: string, own: Reader["own"]): string {
  return Object.entries(own).reduce((filled, [from, to]) => filled.replaceAll(from, to), text);
}
