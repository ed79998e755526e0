import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { killAll } from "./child.ts";
import { FAULTS, runCase, type CaseRun } from "./demo/case.ts";
import { gatherEvidence, type Evidence } from "./demo/evidence.ts";
import { differences } from "./demo/expected.ts";
import { invitation } from "./demo/invitation.ts";
import { libraryDifferences, runLibrary } from "./demo/library.ts";
import { Network } from "./demo/network.ts";
import { Output } from "./demo/output.ts";
import type { Row } from "./demo/row.ts";
import { runWrites } from "./demo/writes.ts";
import { Workspace, WorkspaceBusy } from "./demo/workspace.ts";

/**
 * The main job: Acme's private network, Postern in front of it, and an agent with a case to solve.
 *
 *   npm start                              runs the case and stays up until Ctrl-C
 *   npm start -- --once                    runs it, asserts every outcome, exits 0 or 1
 *   npm start -- --once --fault NAME       with a fault in the middle of it: exits 1 and says why
 *   npm start -- --data DIR --json         somewhere else; for machines
 */
const { values } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    data: { type: "string" },
    fault: { type: "string" },
  },
});
const fault = FAULTS.find((known) => known === values.fault) ?? null;
if (values.fault !== undefined && fault === null) {
  process.stderr.write(`--fault knows: ${FAULTS.join(", ")}\n`);
  process.exit(2);
}

/** What a shell reports for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

const output = new Output(values.json);
const once = values.once || fault !== null;
const workspace = openWorkspace();
const network = new Network(workspace, once, (text) => output.progress(text));

const interrupted = new Promise<"interrupted">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => resolve("interrupted"));
  }
});
// However this process ends, the others end, too.
process.on("exit", killAll);

/** From here on Ctrl-C is what one is asked to do. */
let up = false;
const ended = await Promise.race([demo(), interrupted]);
const exitCode = ended !== "interrupted" ? ended : up ? 0 : INTERRUPTED;
await network.stop();
if (once && exitCode === 0 && values.data === undefined)
  rmSync(workspace.root, { recursive: true });
process.exit(exitCode);

async function demo(): Promise<number> {
  try {
    await network.start();
    output.caseBegins();
    if (fault !== null) output.progress(`fault: ${fault}, after the invoices were read`);
    const run = await runCase(workspace, network, fault, (row) => output.row(row));
    if (fault !== null) return await assertAll(run, []);
    output.writesBegin();
    const writes = await runWrites(workspace, network, (row) => output.row(row));
    output.libraryBegins(network.vectors);
    const found = await runLibrary(workspace, network.vectors, (row) => output.row(row));
    const library = libraryDifferences(found, network.vectors);
    return once ? await assertAll(run, writes, library) : await stayUp(run);
  } catch (error) {
    output.result(false, [error instanceof Error ? error.message : String(error)]);
    output.progress(`The logs are in ${workspace.root}/logs`);
    return 1;
  }
}

async function assertAll(
  run: CaseRun,
  writes: readonly Row[],
  library: readonly string[] = [],
): Promise<number> {
  const found = [...differences(run, writes, await judge(run)), ...library];
  output.result(found.length === 0, found);
  if (found.length > 0) output.progress(`The logs are in ${workspace.root}/logs`);
  return found.length === 0 ? 0 : 1;
}

async function stayUp(run: CaseRun): Promise<number> {
  const evidence = await judge(run);
  const facts = { gateway: network.url, issuer: network.issuer, workflow: evidence.workflow };
  output.invitation(facts, invitation(workspace, network, firstCall(run)));
  output.progress("\nUp until Ctrl-C.");
  up = true;
  // Whoever is stopped after Ctrl-C did not end by itself.
  const lost = await Promise.race([interrupted, network.firstLoss()]);
  if (lost === "interrupted") return 0;
  output.result(false, [`${lost} ended by itself; its log is in ${workspace.root}/logs`]);
  return 1;
}

/** The audit chain verified and the case replayed, by Postern's offline commands. */
async function judge(run: CaseRun): Promise<Evidence> {
  const evidence = await gatherEvidence(workspace, firstCall(run));
  const { findings, events, replay } = evidence;
  output.verdict(findings.length === 0, `the audit chain verifies: ${events} events`);
  output.verdict(replay.identical, `the case replays identically: ${replay.events} decisions`);
  return evidence;
}

function firstCall({ rows }: CaseRun): string {
  const call = rows.find((row) => row.call !== null)?.call;
  if (call === undefined || call === null) throw new Error("the agent made no call");
  return call;
}

function openWorkspace(): Workspace {
  try {
    return new Workspace(folderOf(values.data));
  } catch (error) {
    if (!(error instanceof WorkspaceBusy)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** A run that asserts starts from nothing; one that stays up finds what was left the last time. */
function folderOf(data: string | undefined): string {
  if (data !== undefined) return resolve(data);
  const root = resolve(".postern");
  if (!once) return root;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  return mkdtempSync(join(root, "once-"));
}
