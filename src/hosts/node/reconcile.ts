import type { Journal } from "./journal.ts";
import type { Directory } from "./directory.ts";
import type { NodeSessions } from "./sessions.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";

/** After a start: every call that was out when the process died gets its durable end. */
export function settleInterrupted(
  directory: Directory,
  sessions: NodeSessions,
  journal: Journal,
): { readonly workflows: number; readonly corrupt: readonly string[] } {
  const unsettled = directory.unsettled();
  const corrupt: string[] = [];
  for (const { tenant, workflow } of unsettled) {
    try {
      sessions.load(tenant, workflow);
    } catch (error) {
      if (!(error instanceof AuditUnavailable)) throw error;
      corrupt.push(workflow);
    }
  }
  journal.flush();
  return { workflows: unsettled.length, corrupt };
}

/**
 * A connector is back: its journal says which of our open calls it never saw. Under a session that
 * is over, never seen is a proof that nothing left (design section 4).
 */
export async function reconcile(
  tenant: string,
  connector: string,
  directory: Directory,
  sessions: NodeSessions,
  end: GatewayEnd,
): Promise<void> {
  for (const { call, workflow } of directory.openCalls(tenant, connector)) {
    const session = await sessions.find(tenant, workflow);
    const unknown = session?.state.unknown.find((one) => one.call === call);
    if (session === null || unknown === undefined) continue;
    if (unknown.session === end.live(tenant, connector)?.session) continue;
    const state = await end.seen(tenant, connector, call);
    if (state === null) return;
    if (state === "never")
      await session.submit({ type: "reconcile", call, session: unknown.session });
  }
}
