import { Hono } from "hono";
import type { Evidence } from "../../gateway/ports.ts";
import { adminSurface } from "../../surfaces/admin/app.ts";
import { problem } from "../../surfaces/rest/problem.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { connectorAdministration } from "../node/administer-connectors.ts";
import { keyAdministration } from "../node/administer-keys.ts";
import { lockAdministration } from "../node/administer-locks.ts";
import { toolAdministration } from "../node/administer-tools.ts";
import { trustAdministration } from "../node/administer-trust.ts";
import type { NodeAgentKeys } from "../node/agent-keys.ts";
import type { ActiveBundles } from "../node/bundles.ts";
import type { Directory } from "../node/directory.ts";
import type { NodeKeys } from "../node/keys.ts";
import type { NodeLocks } from "../node/locks.ts";
import type { Leases } from "./reach.ts";

export interface OperatorParts {
  readonly tenant: string;
  readonly keys: NodeKeys;
  readonly directory: Directory;
  readonly bundles: ActiveBundles;
  readonly end: GatewayEnd;
  readonly locks: NodeLocks;
  readonly agentKeys: NodeAgentKeys;
  readonly evidence: Evidence;
  readonly leases: Leases;
  /** One that has ended lies with its session, so nothing is said of it here. */
  isLive(workflow: string): boolean;
  now(): number;
}

/** The admin operations of one tenant, for whoever may bind the Worker's `Operator`. */
export function operatorSurface(parts: OperatorParts): Hono {
  const { tenant, keys, bundles, agentKeys, evidence, leases } = parts;
  const locks = lockAdministration({ ...parts, isWorkflow: (_, id) => parts.isLive(id) || null });
  const admin = adminSurface({
    ...trustAdministration(parts),
    ...toolAdministration({ ...parts, lastUsed: () => null }),
    ...keyAdministration(keys),
    ...connectorAdministration(parts),
    ...locks,
    async addLock(name, request) {
      const answer = await locks.addLock(name, request);
      // Acknowledged is what holds everywhere: at each session that may still act on what it was told.
      await leases.reached;
      return answer;
    },
    tenants: [tenant],
    activateBundle: (_, files) =>
      bundles.activate(tenant, files, (agent, jkt) => agentKeys.pinnable(tenant, agent, jkt)),
    events: evidence.events,
    listWorkflows: () => [],
    showCall: async () => null,
  });
  const app = new Hono();
  // Nobody here has all workflows in sight: an empty list would be a wrong one.
  app.get("/tenants/:tenant/workflows", () => problem("not_found"));
  app.get("/tenants/:tenant/calls/:call", () => problem("not_found"));
  app.mount("/", admin.fetch);
  return app;
}
