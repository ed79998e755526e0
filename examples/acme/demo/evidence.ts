import { postern } from "./postern.ts";
import type { Workspace } from "./workspace.ts";

/** What the record says about the case, asked with Postern's own offline commands. */
export interface Evidence {
  readonly workflow: string;
  /** Faults that `audit verify` found. */
  readonly findings: readonly unknown[];
  /** The whole record, not just this workflow. */
  readonly events: number;
  readonly replay: {
    readonly identical: boolean;
    readonly events: number;
  };
}

export async function gatherEvidence(workspace: Workspace, call: string): Promise<Evidence> {
  const data = ["--data", workspace.data];
  const { workflow } = (await postern(["call", "show", call, ...data])) as { workflow: string };
  const audit = (await postern(["audit", "verify", workspace.data])) as Omit<Evidence, "replay">;
  const replay = (await postern(["workflow", "replay", workflow, ...data])) as Evidence["replay"];
  return { workflow, findings: audit.findings, events: audit.events, replay };
}
