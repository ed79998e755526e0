import type { ConnectorPlan } from "../acceptance/host.ts";
import type { Lab } from "../acceptance/support/lab.ts";

/** A second connector of the laboratory's network and tier, beside the one whose wire is held. */
export function second({ origin }: Lab): ConnectorPlan {
  const paths = ["/note", "/gate/{key}"];
  return {
    name: "second",
    tenant: "acme",
    network: "acme",
    tier: "internal",
    destinations: { lab: { kind: "http", origin, methods: ["GET", "POST"], paths } },
  };
}
