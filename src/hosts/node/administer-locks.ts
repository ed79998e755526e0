import type { LockTarget } from "../../core/model/lock.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Administration, LockView } from "../../surfaces/admin/ports.ts";
import type { ActiveBundles } from "./bundles.ts";
import type { Directory } from "./directory.ts";
import type { NodeKeys } from "./keys.ts";
import type { LockStatus, NodeLocks } from "./locks.ts";

/** Who can open the admin socket owns the data folder: there is no more exact name for them. */
const OPERATOR = "operator";

export interface LockAdministrationParts {
  readonly locks: NodeLocks;
  readonly keys: NodeKeys;
  readonly bundles: ActiveBundles;
  readonly directory: Directory;
  /** Also one whose record is broken; null: nobody here can tell. */
  isWorkflow(tenant: string, workflow: string): boolean | null;
  now(): number;
}

type LockAdministration = Pick<Administration, "addLock" | "listLocks" | "showLock" | "removeLock">;

export function lockAdministration(parts: LockAdministrationParts): LockAdministration {
  const { locks, keys } = parts;
  return {
    async addLock(tenant, { target, value, reason, lifeMs }) {
      // Asked before: once it is locked it is not one of ours any more.
      const ours = target === "key" && keys.owns(tenant, value);
      const expiresAt = lifeMs === null ? null : parts.now() + lifeMs;
      const added = locks.add(tenant, { target, value, reason, by: OPERATOR, expiresAt });
      if (!added.ok) return added;
      locks.recordNow();
      const lock = viewOf(await added.recorded);
      return { ok: true, lock, known: isKnown(parts, tenant, target, value, ours) };
    },
    listLocks(tenant) {
      const table = locks.now(tenant);
      return table === null ? null : { epoch: table.epoch, locks: locks.list(tenant).map(viewOf) };
    },
    showLock(tenant, id) {
      const found = locks.list(tenant).find((one) => one.id === id);
      return found === undefined ? null : viewOf(found);
    },
    async removeLock(tenant, lock) {
      try {
        return (await locks.remove(tenant, lock, OPERATOR)) ? "removed" : "unknown";
      } catch (error) {
        if (error instanceof AuditUnavailable) return "unavailable";
        throw error;
      }
    },
  };
}

function viewOf({ id, target, value, reason, by, ...status }: LockStatus): LockView {
  return {
    lock: id,
    target,
    value,
    reason,
    by,
    state: status.durable ? "in_force" : "in_force_volatile",
    inForceAt: timeOf(status.since),
    calls: status.calls,
    drainedAt: status.drainedAt === null ? null : timeOf(status.drainedAt),
    expiresAt: status.expiresAt === null ? null : timeOf(status.expiresAt),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** A misspelt name makes a lock that holds nothing: it is in force all the same, and said. */
function isKnown(
  { bundles, directory, isWorkflow }: LockAdministrationParts,
  tenant: string,
  target: LockTarget,
  value: string,
  ours: boolean,
): boolean | null {
  const source = bundles.of(tenant)?.source;
  switch (target) {
    case "tenant":
      return true;
    case "human":
      return null;
    case "key":
      return ours ? true : null;
    case "agent":
      return source?.agents.some(({ id }) => id === value) ?? false;
    case "tool":
      return source?.tools.some(({ tool }) => tool.id === value) ?? false;
    case "definition":
      return source?.tools.some(({ tool }) => tool.definition === value) ?? false;
    case "destination":
      return source?.destinations.some(({ id }) => id === value) ?? false;
    case "workflow":
      return isWorkflow(tenant, value);
    case "connector":
      return directory.connector(tenant, value) !== null;
    case "bundle":
      return directory.bundleFiles(tenant, value) !== null;
  }
}
