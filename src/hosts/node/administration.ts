import type { CallCommand } from "../../core/model/command.ts";
import { operationDigest } from "../../core/model/operation.ts";
import type { Evidence } from "../../gateway/ports.ts";
import { reportCall } from "../../gateway/report.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { connectorAdministration } from "./administer-connectors.ts";
import { keyAdministration } from "./administer-keys.ts";
import { lockAdministration } from "./administer-locks.ts";
import { toolAdministration } from "./administer-tools.ts";
import { trustAdministration } from "./administer-trust.ts";
import type { NodeAgentKeys } from "./agent-keys.ts";
import { type ActiveBundles, compileFiles } from "./bundles.ts";
import type { Directory } from "./directory.ts";
import { type NodeKeys, sha256 } from "./keys.ts";
import type { NodeLocks } from "./locks.ts";
import type { NodeSessions } from "./sessions.ts";

export interface AdministrationParts {
  readonly keys: NodeKeys;
  readonly directory: Directory;
  readonly bundles: ActiveBundles;
  readonly sessions: NodeSessions;
  readonly evidence: Evidence;
  readonly end: GatewayEnd;
  readonly locks: NodeLocks;
  readonly agentKeys: NodeAgentKeys;
  now(): number;
}

export function nodeAdministration(parts: AdministrationParts): Administration {
  const { keys, directory, bundles, sessions, evidence } = parts;
  return {
    ...lockAdministration({ ...parts, isWorkflow: (...at) => isWorkflow(sessions, ...at) }),
    ...trustAdministration(parts),
    ...toolAdministration({ ...parts, lastUsed: (...of) => sessions.lastUse.of(...of) }),
    ...keyAdministration(keys),
    ...connectorAdministration(parts),
    tenants: keys.tenants,
    activateBundle: (tenant, files) =>
      bundles.activate(tenant, files, (agent, jkt) => parts.agentKeys.pinnable(tenant, agent, jkt)),
    listWorkflows: (tenant, limit) =>
      directory.workflows(tenant, limit).map(({ workflow, events, startedAt }) => ({
        workflow,
        events,
        startedAt: new Date(startedAt).toISOString(),
      })),
    events: (tenant, workflow, after, limit) => evidence.events(tenant, workflow, after, limit),
    async showCall(tenant, call) {
      const events = await evidence.call(tenant, call);
      const workflow = events[0]?.event.workflow;
      const session = workflow === undefined ? null : sessions.load(tenant, workflow);
      if (session === null) return null;
      return reportCall(events, session.state, operationOf(events[0]?.event.seq ?? -1));

      /** Rendered again from the sealed input, under the bundle of that time. */
      function operationOf(seq: number): string | null {
        const admission = events[0]?.event;
        const input = session?.unseal(seq, "input");
        if (admission?.type !== "call.admitted" || input == null) return null;
        const files = directory.bundleFiles(tenant, admission.policyVersion);
        const runtime = files === null ? undefined : compileFiles(files)?.tool(admission.tool);
        const { command } = JSON.parse(input) as { command: CallCommand };
        const shaped = runtime?.shape(command.arguments);
        if (runtime === undefined || shaped?.ok !== true) return null;
        return operationDigest(
          sha256,
          runtime.request(shaped.args, admission.plan, tenant).operation,
        );
      }
    },
  };
}

/** One whose record is broken is there, too. */
function isWorkflow(sessions: NodeSessions, tenant: string, workflow: string): boolean {
  try {
    return sessions.load(tenant, workflow) !== null;
  } catch {
    return true;
  }
}
