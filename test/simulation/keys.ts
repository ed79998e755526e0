import type { KeyStanding } from "../../src/core/model/command.ts";
import type { WorkflowEvent } from "../../src/core/model/event.ts";
import { promise } from "./violation.ts";

interface Owner {
  readonly tenant: string;
  readonly agent: string;
}

/** Whose a key is, as a host would know: what is on the disk, and what waits in this very batch. */
export class SimulatedKeys {
  readonly #kept = new Map<string, Owner>();
  readonly #batch = new Map<string, Owner>();

  standing({ tenant, agent }: Owner, jkt: string): KeyStanding {
    const owner = this.#batch.get(jkt) ?? this.#kept.get(jkt);
    if (owner === undefined) return "own";
    if (owner.tenant !== tenant) return "other_tenant";
    return owner.agent === agent ? "own" : "other_agent";
  }

  /** P7: whatever the standing said, no two agents and no two tenants ever have one key. */
  see(tenant: string, event: WorkflowEvent): void {
    if (event.type !== "workflow.opened" && event.type !== "seat.granted") return;
    const { jkt, agent } = event;
    const owner = this.#batch.get(jkt) ?? this.#kept.get(jkt) ?? { tenant, agent };
    const same = owner.tenant === tenant && owner.agent === agent;
    promise("P7", same, () => `${jkt} of ${owner.agent} at ${owner.tenant} has a second owner`);
    this.#batch.set(jkt, owner);
  }

  commit(full: boolean): void {
    if (!full) for (const [jkt, owner] of this.#batch) this.#kept.set(jkt, owner);
    this.#batch.clear();
  }

  crash(): void {
    this.#batch.clear();
  }
}
