import type { CheckpointCommand } from "../../core/model/command.ts";
import type { WorkflowEvent } from "../../core/model/event.ts";
import type { Evidence, StoredEvent } from "../../gateway/ports.ts";
import type { Database } from "./sql.ts";
import type { NodeSessions } from "./sessions.ts";

interface Row {
  readonly bytes: string;
  readonly hash: string;
}

export function nodeEvidence(db: Database, sessions: NodeSessions): Evidence {
  const events = db.prepare(
    "SELECT bytes, hash FROM event WHERE tenant = ? AND workflow = ? AND seq > ? ORDER BY seq LIMIT ?",
  );
  const call = db.prepare(
    "SELECT bytes, hash FROM event WHERE call = ? AND tenant = ? ORDER BY seq",
  );
  const checkpoint = db.prepare(
    `SELECT seq FROM event WHERE tenant = ? AND workflow = ? AND type = 'checkpoint.saved'
     AND bytes ->> 'seat' = ? ORDER BY seq DESC LIMIT 1`,
  );
  return {
    async events(tenant, workflow, after, limit) {
      return (events.all(tenant, workflow, after, limit) as unknown as Row[]).map(stored);
    },
    async call(tenant, id) {
      return (call.all(id, tenant) as unknown as Row[]).map(stored);
    },
    /** The value is the input of the decision that saved it: one copy, encrypted. */
    async checkpoint(tenant, workflow, seat) {
      const row = checkpoint.get(tenant, workflow, seat) as { seq: number } | undefined;
      const input = row && sessions.load(tenant, workflow)?.unseal(row.seq, "input");
      if (row === undefined || input == null) return null;
      const { command } = JSON.parse(input) as { command: CheckpointCommand };
      return { seq: row.seq, value: command.value };
    },
  };
}

function stored(row: Row): StoredEvent {
  return { event: JSON.parse(row.bytes) as WorkflowEvent, hash: row.hash };
}
