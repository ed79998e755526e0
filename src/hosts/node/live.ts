import type { WorkflowEvent } from "../../core/model/event.ts";
import type { Statements } from "./session-store.ts";

interface Living {
  readonly human: string;
  readonly agent: string;
  readonly expires: number;
}

/**
 * Which workflows have not ended, by human and agent: trust caps them. In memory, because it has to
 * count what was opened in this very turn.
 */
export class LiveWorkflows {
  readonly #tenants = new Map<string, Map<string, Living>>();
  readonly #now: () => number;

  constructor(statements: Pick<Statements, "living">, now: () => number) {
    this.#now = now;
    const rows = statements.living.all(now()) as unknown as (Living & {
      readonly tenant: string;
      readonly workflow: string;
    })[];
    for (const { tenant, workflow, ...living } of rows) this.#of(tenant).set(workflow, living);
  }

  count(tenant: string, human: string, agent: string): number {
    const workflows = this.#of(tenant);
    const now = this.#now();
    let count = 0;
    for (const [workflow, living] of workflows) {
      if (living.expires <= now) workflows.delete(workflow);
      else if (living.human === human && living.agent === agent) count++;
    }
    return count;
  }

  see(tenant: string, event: WorkflowEvent): void {
    if (event.type === "workflow.opened") {
      const { human, agent, expiresAt: expires } = event;
      this.add(tenant, event.workflow, { human, agent, expires });
    } else if (event.type === "workflow.closed") this.forget(tenant, event.workflow);
  }

  add(tenant: string, workflow: string, living: Living): void {
    this.#of(tenant).set(workflow, living);
  }

  forget(tenant: string, workflow: string): void {
    this.#of(tenant).delete(workflow);
  }

  #of(tenant: string): Map<string, Living> {
    const known = this.#tenants.get(tenant) ?? new Map<string, Living>();
    this.#tenants.set(tenant, known);
    return known;
  }
}
