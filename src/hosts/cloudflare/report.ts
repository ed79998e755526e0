import type { WorkflowState } from "../../core/session/state.ts";
import type { Journal } from "../node/journal.ts";
import type { Database, Write } from "../node/sql.ts";

/**
 * What a tenant has to know of a workflow and did not do itself: said whole each time, so that one that was
 * lost is made good by the next, and one that is heard twice changes nothing.
 */
export interface Report {
  readonly closed: boolean;
  /** Every call of unknown outcome: its connector is to be asked. */
  readonly unknown: readonly { readonly call: string; readonly connector: string }[];
  /** Every request that a human may decide. */
  readonly asked: readonly { readonly id: string; readonly expiresAt: number }[];
}

export function reportOf({ status, unknown, approvals }: WorkflowState): Report {
  return {
    closed: status === "closed",
    unknown: unknown.map(({ call, connector }) => ({ call, connector })),
    asked: approvals.flatMap(({ id, expiresAt, status: of }) =>
      of === "pending" ? { id, expiresAt } : [],
    ),
  };
}

/** Reports as the object of their tenant keeps them, in the tables that are asked on both hosts. */
export class Reported {
  readonly #journal: Pick<Journal, "write">;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: Database, journal: Pick<Journal, "write">) {
    this.#journal = journal;
    this.#sql = prepare(db);
  }

  /** Durable when it resolves. */
  async take(tenant: string, workflow: string, { unknown, asked }: Report): Promise<void> {
    const { known, forget, open, request, requests } = this.#sql;
    const writes: Write[] = [];
    const text = (rows: readonly { readonly [column: string]: unknown }[]): string[] =>
      rows.map(({ call, connector }) => JSON.stringify([call, connector])).sort();
    const [before, now] = [text(known.all(tenant, workflow)), text(unknown)];
    if (before.join() !== now.join()) {
      writes.push({ statement: forget, values: [tenant, workflow] });
      for (const { call, connector } of unknown) {
        writes.push({ statement: open, values: [call, tenant, workflow, connector] });
      }
    }
    const there = new Set(requests.all(tenant, workflow).map(({ id }) => id));
    for (const { id, expiresAt } of asked) {
      if (there.has(id)) continue;
      writes.push({ statement: request, values: [id, tenant, workflow, expiresAt] });
    }
    if (writes.length > 0) await this.#journal.write(writes);
  }

  /** Null: nothing is unknown of this call. */
  workflowOf(tenant: string, call: string): string | null {
    const row = this.#sql.workflow.get(call, tenant);
    return row === undefined ? null : String(row["workflow"]);
  }

  /** Some connector has something to be asked. */
  get anyUnknown(): boolean {
    return this.#sql.any.get() !== undefined;
  }
}

function prepare(db: Database) {
  return {
    known: db.prepare("SELECT call, connector FROM open_call WHERE tenant = ? AND workflow = ?"),
    forget: db.prepare("DELETE FROM open_call WHERE tenant = ? AND workflow = ?"),
    open: db.prepare("INSERT INTO open_call VALUES (?, ?, ?, ?)"),
    workflow: db.prepare("SELECT workflow FROM open_call WHERE call = ? AND tenant = ?"),
    any: db.prepare("SELECT 1 FROM open_call LIMIT 1"),
    request: db.prepare("INSERT INTO approval VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
    requests: db.prepare("SELECT id FROM approval WHERE tenant = ? AND workflow = ?"),
  };
}
