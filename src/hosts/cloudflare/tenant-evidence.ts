import { TENANT_STREAM } from "../../core/model/tenant-event.ts";
import type { WorkflowEvent } from "../../core/model/event.ts";
import type { Evidence, StoredEvent } from "../../gateway/ports.ts";
import type { Database } from "../node/sql.ts";
import { WORKFLOW } from "./names.ts";
import type { Stub } from "./platform.ts";
import type { SessionObject } from "./session.ts";

/** The tenant's own stream lies here; the record of a workflow with its session. */
export function tenantEvidence(
  db: Database,
  stub: (workflow: string) => Stub<SessionObject>,
  workflowOf: (call: string) => string | null,
): Evidence {
  const own = db.prepare(
    "SELECT bytes, hash FROM event WHERE workflow = ? AND seq > ? ORDER BY seq LIMIT ?",
  );
  return {
    async events(_tenant, workflow, after, limit) {
      if (workflow === TENANT_STREAM) return own.all(workflow, after, limit).map(stored);
      return WORKFLOW.test(workflow) ? stub(workflow).events(after, limit) : [];
    },
    async call(_tenant, call) {
      const workflow = workflowOf(call);
      return workflow === null ? [] : stub(workflow).call(call);
    },
    // Only a seat asks for its own, in its session.
    checkpoint: async () => null,
  };
}

function stored({ bytes, hash }: { readonly [column: string]: unknown }): StoredEvent {
  return { event: JSON.parse(String(bytes)) as WorkflowEvent, hash: String(hash) };
}
