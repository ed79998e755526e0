import { type Inventory, inventoryOf } from "../../policy/inventory.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import type { ActiveBundles } from "./bundles.ts";
import type { NodeLocks } from "./locks.ts";

interface ToolAdministrationParts {
  readonly bundles: ActiveBundles;
  readonly locks: NodeLocks;
  /** Null: nobody here can tell. */
  lastUsed(tenant: string, tool: string): number | null;
}

/** Under the bundle that decides now. */
export function toolAdministration({
  bundles,
  locks,
  lastUsed,
}: ToolAdministrationParts): Pick<Administration, "inventory"> {
  return {
    inventory(tenant): Inventory | null {
      const active = bundles.of(tenant);
      if (active === null) return null;
      return inventoryOf(active.source, tenant, locks.now(tenant), (tool) =>
        lastUsed(tenant, tool),
      );
    },
  };
}
