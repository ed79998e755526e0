import { trustView, whoCan } from "../../policy/trust-view.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import type { ActiveBundles } from "./bundles.ts";
import type { NodeLocks } from "./locks.ts";

interface TrustAdministrationParts {
  readonly bundles: ActiveBundles;
  readonly locks: NodeLocks;
}

/** Under the bundle that decides now. */
export function trustAdministration({
  bundles,
  locks,
}: TrustAdministrationParts): Pick<Administration, "showTrust" | "whoCan"> {
  return {
    showTrust(tenant) {
      const active = bundles.of(tenant);
      return active === null ? null : trustView(active.bundle.view, tenant, locks.now(tenant));
    },
    whoCan(tenant, tool) {
      const active = bundles.of(tenant);
      return active === null ? null : whoCan(active.bundle.view, tenant, tool, locks.now(tenant));
    },
  };
}
