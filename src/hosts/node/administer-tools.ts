import { type Inventory, inventoryOf } from "../../policy/inventory.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import type { ActiveBundles } from "./bundles.ts";
import type { NodeLocks } from "./locks.ts";
import type { NodeSessions } from "./sessions.ts";

interface ToolAdministrationParts {
  readonly bundles: ActiveBundles;
  readonly locks: NodeLocks;
  readonly sessions: NodeSessions;
}

/** Under the bundle that decides now. */
export function toolAdministration({
  bundles,
  locks,
  sessions,
}: ToolAdministrationParts): Pick<Administration, "inventory"> {
  return {
    inventory(tenant): Inventory | null {
      const active = bundles.of(tenant);
      if (active === null) return null;
      const lastUsed = (tool: string): number | null => sessions.lastUse.of(tenant, tool);
      return inventoryOf(active.source, tenant, locks.now(tenant), lastUsed);
    },
  };
}
