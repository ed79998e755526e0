import type { ChainedEvent } from "../../src/core/audit/chain.ts";

export interface Entry {
  readonly tenant: string;
  readonly workflow: string;
  readonly stored: ChainedEvent;
  readonly input: string;
}

/** What survives a crash of the gateway: the record, and the sealed input of each decision. */
export class Disk {
  readonly workflows = new Map<string, Entry[]>();

  of(tenant: string, workflow: string): readonly Entry[] | null {
    const entries = this.workflows.get(workflow);
    return entries?.[0]?.tenant === tenant ? entries : null;
  }

  append(batch: readonly Entry[]): void {
    for (const entry of batch) {
      const entries = this.workflows.get(entry.workflow) ?? [];
      entries.push(entry);
      this.workflows.set(entry.workflow, entries);
    }
  }
}
