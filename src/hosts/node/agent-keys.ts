import type { KeyStanding } from "../../core/model/command.ts";
import type { WorkflowEvent } from "../../core/model/event.ts";
import type { AgentKeys } from "../../gateway/ports.ts";
import { place } from "./session-store.ts";
import type { Database } from "./sql.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/**
 * How long a key is remembered after its last seat was given. A credential lives as long as its
 * workflow, at most hours; this is as long as the inputs are kept that show what the key did.
 */
export const KEY_KEPT_MS = 90 * DAY_MS;

export interface Owner {
  readonly tenant: string;
  readonly agent: string;
}

/** A seat that was given in memory, and whose commit may be still to come. */
export interface Fresh extends Owner {
  /** See `place`: workflow and tenant in one. */
  readonly at: string;
}

/**
 * Whose an agent's key is: the one place of this host that looks at more than one tenant. What it
 * gives away is a standing, never a name (P7). The rows are written with the event that gives the
 * seat, in one commit; see `writesOf`.
 */
export class NodeAgentKeys implements AgentKeys {
  readonly #row;
  readonly #now: () => number;
  /** Whose assertion key it is, by the bundles that decide now. */
  readonly #pinned: (jkt: string) => readonly Owner[];
  readonly #fresh = new Map<string, Fresh>();

  constructor(db: Database, now: () => number, pinned: (jkt: string) => readonly Owner[]) {
    this.#row = db.prepare("SELECT tenant, agent FROM agent_key WHERE jkt = ? AND used > ?");
    this.#now = now;
    this.#pinned = pinned;
  }

  standing(tenant: string, agent: string, jkt: string): KeyStanding {
    return standingOf(tenant, agent, [...this.#registered(jkt), ...this.#pinned(jkt)]);
  }

  /** Of a key that stands in a bundle to be: what is pinned to this tenant now is about to go. */
  pinnable(tenant: string, agent: string, jkt: string): KeyStanding {
    const elsewhere = this.#pinned(jkt).filter((owner) => owner.tenant !== tenant);
    return standingOf(tenant, agent, [...this.#registered(jkt), ...elsewhere]);
  }

  holds(tenant: string, jkt: string): boolean {
    const owners = [...this.#registered(jkt), ...this.#pinned(jkt)];
    return owners.some((owner) => owner.tenant === tenant);
  }

  /** In memory: whoever comes in the same turn, before the commit, must not get the key as well. */
  see(tenant: string, event: WorkflowEvent): void {
    if (event.type !== "workflow.opened" && event.type !== "seat.granted") return;
    const { jkt, agent, workflow } = event;
    this.claim(jkt, { tenant, agent, at: place(tenant, workflow) });
  }

  /** For a seat that is about to be given, or just was. */
  claim(jkt: string, fresh: Fresh): void {
    this.#fresh.set(jkt, fresh);
  }

  /** Something of it became durable: what is on disk needs no memory. */
  moved(at: string): void {
    for (const [jkt, fresh] of this.#fresh) {
      if (fresh.at === at && this.#stored(jkt) !== undefined) this.#fresh.delete(jkt);
    }
  }

  /** Its last commits failed: what was given in them did not happen. */
  forget(at: string): void {
    for (const [jkt, fresh] of this.#fresh) {
      if (fresh.at === at) this.#fresh.delete(jkt);
    }
  }

  #registered(jkt: string): readonly Owner[] {
    const owner = this.#fresh.get(jkt) ?? this.#stored(jkt);
    return owner === undefined ? [] : [owner];
  }

  #stored(jkt: string): Owner | undefined {
    return this.#row.get(jkt, this.#now() - KEY_KEPT_MS) as Owner | undefined;
  }
}

function standingOf(tenant: string, agent: string, owners: readonly Owner[]): KeyStanding {
  if (owners.some((owner) => owner.tenant !== tenant)) return "other_tenant";
  return owners.some((owner) => owner.agent !== agent) ? "other_agent" : "own";
}
