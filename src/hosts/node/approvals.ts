import type { ApprovalIndex } from "../../gateway/ports.ts";
import type { Database } from "./sql.ts";

/** Rows of one list: people read it. Those decided since are among them, so a few more are read. */
const MAX_LISTED = 200;

/** The table only says where a request is found; what it is says its workflow's own record. */
export function nodeApprovals(db: Database): ApprovalIndex {
  // Of workflows that live: a few that asked and were closed would crowd out everybody else's.
  const pending = db.prepare(
    `SELECT id, approval.workflow FROM approval JOIN live USING (tenant, workflow)
     WHERE tenant = ? AND approval.expires > ? ORDER BY approval.expires LIMIT ?`,
  );
  const workflow = db.prepare("SELECT workflow FROM approval WHERE id = ? AND tenant = ?");
  return {
    pending: (tenant, now) =>
      pending.all(tenant, now, MAX_LISTED) as { id: string; workflow: string }[],
    workflowOf: (tenant, id) =>
      (workflow.get(id, tenant) as { workflow: string } | undefined)?.workflow ?? null,
  };
}
