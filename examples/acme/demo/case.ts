import { join } from "node:path";
import type { Step } from "../agent/step.ts";
import type { Haul } from "../thief/main.ts";
import { AgentProcess } from "./agent-process.ts";
import type { Network } from "./network.ts";
import { runJson } from "./postern.ts";
import { rowOf, theftRow, type Row } from "./row.ts";
import type { Workspace } from "./workspace.ts";

/** Faults that can be injected into the case, each before the step that meets it. */
export const FAULTS = ["kill-connector"] as const;
export type Fault = (typeof FAULTS)[number];

export interface CaseRun {
  readonly tools: readonly string[];
  readonly rows: readonly Row[];
  /** Everything the agent was given, as text: what must not be in it can be searched for. */
  readonly seen: string;
}

/** Runs the agent through its case, and the thief once there is something to steal. */
export async function runCase(
  workspace: Workspace,
  network: Network,
  fault: Fault | null,
  show: (row: Row) => void,
): Promise<CaseRun> {
  const agent = await AgentProcess.start(workspace, "dana");
  const rows: Row[] = [];
  const results: unknown[] = [];
  let haul: Haul | null = null;
  const record = (row: Row): void => {
    rows.push(row);
    show(row);
  };
  try {
    for (let step = await agent.next(); step !== null; step = await agent.next()) {
      results.push(step.result);
      record(rowOf(step));
      if (step.tool === "invoices_list" && fault === "kill-connector")
        await network.lose("connector tickets");
      // While its token still lives: what the thief is to meet is that it is spent.
      if (step.tool === "tickets_create") haul = await steal(workspace);
      if (isUnknownTool(step) && haul !== null) record(theftRow(haul));
    }
  } finally {
    await agent.stop();
  }
  return { tools: agent.tools, rows, seen: JSON.stringify(results) };
}

function isUnknownTool({ outcome }: Step): boolean {
  return outcome.reason?.code === "unknown_tool";
}

async function steal(workspace: Workspace): Promise<Haul> {
  const thief = join(import.meta.dirname, "..", "thief", "main.ts");
  return (await runJson([thief, "--leak", workspace.leak])) as Haul;
}
