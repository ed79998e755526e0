import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Lock, LockTable } from "../../core/model/lock.ts";
import { callLocks } from "../../core/session/locks.ts";
import { findCall, type InFlight, type WorkflowState } from "../../core/session/state.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import type { NodeKeys } from "./keys.ts";
import type { Reach } from "./locks.ts";
import type { NodeSessions } from "./sessions.ts";

type Tunnels = Pick<GatewayEnd, "pending" | "cut" | "expel" | "beatNow">;
type Workflows = Pick<NodeSessions, "inFlight" | "load">;

/** What a lock finds under way, and how it stops it. */
export class LockReach implements Reach {
  readonly #sessions: Workflows;
  readonly #tunnels: Tunnels;
  readonly #keys: Pick<NodeKeys, "revoke">;
  readonly #workflowOf: StatementSync;
  readonly #events: StatementSync;

  constructor(
    db: DatabaseSync,
    sessions: Workflows,
    tunnels: Tunnels,
    keys: Pick<NodeKeys, "revoke">,
  ) {
    this.#sessions = sessions;
    this.#tunnels = tunnels;
    this.#keys = keys;
    this.#workflowOf = db.prepare("SELECT workflow FROM open_call WHERE call = ? AND tenant = ?");
    this.#events = db.prepare("SELECT type FROM event WHERE call = ? AND tenant = ?");
  }

  /** Cuts every call that the lock holds at its connector, and names them. */
  cut(tenant: string, lock: Lock): readonly string[] {
    // It may be one of ours: connectors hear of that before they hear of the new epoch.
    this.#keys.revoke(tenant, lock);
    const table = { epoch: 0, locks: [lock], revocations: [] };
    const known = new Set<string>();
    const held = new Set<string>();
    for (const { state, call } of this.#sessions.inFlight(tenant)) {
      known.add(call.call);
      if (holds(table, state, call)) held.add(call.call);
    }
    for (const call of this.#tunnels.pending(tenant)) {
      if (!known.has(call) && this.#holdsForgotten(tenant, call, table)) held.add(call);
    }
    if (held.size > 0) this.#tunnels.cut(tenant, held);
    if (lock.target === "connector") this.#tunnels.expel(tenant, lock.value);
    return [...held];
  }

  /** Those of the calls that have no durable end yet. */
  unended(tenant: string, calls: ReadonlySet<string>): Set<string> {
    if (calls.size === 0) return new Set();
    const inFlight = new Set(this.#sessions.inFlight(tenant).map(({ call }) => call.call));
    return new Set([...calls].filter((call) => inFlight.has(call) || this.#open(tenant, call)));
  }

  /** A commit that failed forgot its session; read again, it ends what was under way. */
  settle(tenant: string, calls: ReadonlySet<string>): void {
    for (const call of this.unended(tenant, calls)) {
      const row = this.#workflowOf.get(call, tenant) as { workflow: string } | undefined;
      try {
        if (row !== undefined) this.#sessions.load(tenant, row.workflow);
      } catch {
        // Its record cannot be read: nothing can be added to it, and it is reported elsewhere.
      }
    }
  }

  /** Connectors hear of the new epoch in milliseconds, not with their next beat. */
  moved(tenant: string): void {
    this.#tunnels.beatNow(tenant);
  }

  /** A commit that failed took its sessions out of memory, while their calls are still out. */
  #holdsForgotten(tenant: string, call: string, table: LockTable): boolean {
    try {
      const row = this.#workflowOf.get(call, tenant) as { workflow: string } | undefined;
      const state = row && this.#sessions.load(tenant, row.workflow)?.state;
      // Of unknown outcome and out again, to be done under its own key.
      const found = state && (findCall(state.inFlight, call) ?? findCall(state.unknown, call));
      return state === undefined || found === undefined || holds(table, state, found);
    } catch {
      // Whose it is cannot be told: it may be what the lock is for.
      return true;
    }
  }

  /** Recorded as admitted, and not as ended. What never became durable never left. */
  #open(tenant: string, call: string): boolean {
    const types = this.#events.all(call, tenant).map((row) => row["type"]);
    return types.includes("call.admitted") && !types.includes("call.settled");
  }
}

function holds(table: LockTable, state: WorkflowState, call: InFlight): boolean {
  const { seat, tool, definition, destination, connector, policyVersion: bundle } = call;
  const about = { tool, definition, destination, connector, bundle };
  return callLocks(table, state, seat, about).length > 0;
}
