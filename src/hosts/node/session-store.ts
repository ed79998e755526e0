import { RECORD_FORMAT } from "../../core/audit/chain.ts";
import type { WorkflowEvent } from "../../core/model/event.ts";
import type { Database, Write } from "./sql.ts";

export interface Row {
  readonly tenant: string;
  readonly workflow: string;
  readonly event: WorkflowEvent;
  readonly bytes: string;
  readonly hash: string;
}

export interface SealedRow {
  readonly kind: string;
  readonly expires: number;
  readonly bytes: Uint8Array;
}

/** Where a workflow's wrapped key belongs: authenticated with it. */
export function place(tenant: string, workflow: string): string {
  return `${tenant}/${workflow}`;
}

/** Everything of a sealed row but its ciphertext: no column of it can be changed unseen. */
export function sealedPlace(seq: number, kind: string, expires: number): string {
  return `${RECORD_FORMAT}/${seq}/${kind}/${expires}`;
}

/** The rows of one event, and what has to be found again by something else than its workflow. */
export function writesOf(
  statements: Statements,
  row: Row,
  sealed: readonly SealedRow[],
  wrappedKey: Uint8Array | null,
): readonly Write[] {
  const { tenant, workflow, event, bytes, hash } = row;
  const call = "call" in event ? event.call : null;
  const writes: Write[] = [
    {
      statement: statements.insertEvent,
      values: [tenant, workflow, event.seq, event.type, call, bytes, hash],
    },
    ...sealed.map((one) => ({
      statement: statements.insertSealed,
      values: [tenant, workflow, event.seq, one.kind, one.expires, one.bytes],
    })),
  ];
  switch (event.type) {
    case "workflow.opened":
      writes.push(
        { statement: statements.insertKey, values: [tenant, workflow, wrappedKey] },
        {
          statement: statements.begin,
          values: [tenant, workflow, event.human, event.agent, event.expiresAt],
        },
        ownKey(statements, tenant, event),
      );
      break;
    case "seat.granted":
      writes.push(ownKey(statements, tenant, event));
      break;
    case "call.admitted":
      writes.push({
        statement: statements.openCall,
        values: [event.call, tenant, workflow, event.connector],
      });
      break;
    case "call.resent":
      // Its journal is the one to ask from now on.
      writes.push({ statement: statements.moveCall, values: [event.connector, event.call] });
      break;
    case "workflow.closed":
      writes.push({ statement: statements.end, values: [tenant, workflow] });
      break;
    case "call.reconciled":
      writes.push({ statement: statements.closeCall, values: [event.call] });
      break;
    case "call.settled":
      if (event.outcome !== "outcome_unknown") {
        writes.push({ statement: statements.closeCall, values: [event.call] });
      }
      break;
    case "approval.decided":
    case "approval.refused":
    case "call.refused":
    case "checkpoint.saved":
    case "seat.refused":
    case "seat.renewed":
    case "signal.raised":
    case "usage.reported":
      break;
  }
  const asked =
    event.type === "call.refused" || event.type === "call.settled" ? event.approval : null;
  if (asked !== null) {
    writes.push({
      statement: statements.openApproval,
      values: [asked.id, tenant, workflow, asked.expiresAt],
    });
  }
  return writes;
}

/** The decider let nobody have a key that is another's: a row that is overwritten had run out. */
function ownKey(
  statements: Statements,
  tenant: string,
  { jkt, agent, at }: { readonly jkt: string; readonly agent: string; readonly at: number },
): Write {
  return { statement: statements.ownKey, values: [jkt, tenant, agent, at] };
}

export type Statements = ReturnType<typeof prepare>;

export function prepare(db: Database) {
  return {
    insertEvent: db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"),
    insertSealed: db.prepare("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?)"),
    insertKey: db.prepare("INSERT INTO session VALUES (?, ?, ?)"),
    begin: db.prepare("INSERT INTO live VALUES (?, ?, ?, ?, ?)"),
    end: db.prepare("DELETE FROM live WHERE tenant = ? AND workflow = ?"),
    living: db.prepare(
      "SELECT tenant, workflow, human, agent, expires FROM live WHERE expires > ?",
    ),
    ownKey: db.prepare(
      `INSERT INTO agent_key VALUES (?, ?, ?, ?) ON CONFLICT (jkt) DO UPDATE
       SET tenant = excluded.tenant, agent = excluded.agent, used = excluded.used`,
    ),
    openCall: db.prepare("INSERT INTO open_call VALUES (?, ?, ?, ?)"),
    moveCall: db.prepare("UPDATE open_call SET connector = ? WHERE call = ?"),
    closeCall: db.prepare("DELETE FROM open_call WHERE call = ?"),
    openApproval: db.prepare("INSERT INTO approval VALUES (?, ?, ?, ?)"),
    key: db.prepare("SELECT wrapped_key FROM session WHERE tenant = ? AND workflow = ?"),
    events: db.prepare(
      "SELECT seq, bytes, hash FROM event WHERE tenant = ? AND workflow = ? ORDER BY seq",
    ),
    endOfCall: db.prepare(
      `SELECT seq FROM event WHERE call = ? AND tenant = ? AND workflow = ?
       AND type IN ('call.settled', 'call.refused') ORDER BY seq DESC LIMIT 1`,
    ),
    sealed: db.prepare(
      "SELECT expires, bytes FROM sealed WHERE tenant = ? AND workflow = ? AND seq = ? AND kind = ?",
    ),
    outcomes: db.prepare(
      `SELECT sealed.seq, expires, sealed.bytes, call FROM sealed JOIN event USING (tenant, workflow, seq)
       WHERE tenant = ? AND workflow = ? AND kind = 'outcome' ORDER BY sealed.seq LIMIT ?`,
    ),
    toolOf: db.prepare(
      `SELECT bytes FROM event WHERE call = ? AND tenant = ? AND workflow = ?
       AND type = 'call.admitted'`,
    ),
  };
}
