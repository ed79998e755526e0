import { AuditUnavailable } from "../../gateway/ports.ts";
import type { ReceivedEvent } from "../../surfaces/rest/security-events.ts";
import type { Directory } from "./directory.ts";
import type { LogLine } from "./gateway.ts";
import type { NodeLocks } from "./locks.ts";

/** Tokens whose receipt could not be recorded, each with the end of its lock; the oldest leaves. */
const MAX_UNRECEIVED = 1_000;

const REASONS = {
  "session-revoked": "the identity provider ended this person's sessions",
  "credential-change": "a credential of this person changed at the identity provider",
} as const;

export interface SecurityEventParts {
  readonly tenant: string;
  /** How long a human stays locked: as long as a sign-in from before the event may be good for. */
  readonly lockMs: number;
  readonly locks: Pick<NodeLocks, "add" | "recordNow">;
  readonly directory: Pick<Directory, "isSpent" | "spend">;
  now(): number;
  log(line: LogLine): void;
}

/**
 * From a verified token to the lock it asks for. The lock first, its receipt second: a crash between
 * the two has the transmitter send it again, and a lock twice is one lock.
 */
export function securityEvents(
  parts: SecurityEventParts,
): (event: ReceivedEvent) => Promise<boolean> {
  const { tenant, locks, directory, log } = parts;
  const ends = new Map<string, number>();

  /** The same for every attempt, so that the second finds the lock of the first. */
  function endOf(id: string): number {
    const end = ends.get(id) ?? parts.now() + parts.lockMs;
    ends.set(id, end);
    for (const [oldest] of ends) {
      if (ends.size <= MAX_UNRECEIVED) break;
      ends.delete(oldest);
    }
    return end;
  }

  async function revoke(id: string, revokes: NonNullable<ReceivedEvent["revokes"]>) {
    const { human, type } = revokes;
    const added = locks.add(tenant, {
      target: "human",
      value: human,
      reason: REASONS[type],
      by: `caep:${type}`,
      expiresAt: endOf(id),
    });
    if (!added.ok) {
      log({ event: "security_event.failed", tenant, type, code: added.code });
      return false;
    }
    locks.recordNow();
    return (await added.recorded).durable;
  }

  return async ({ id, forgetAt, revokes }) => {
    if (directory.isSpent("event", tenant, id)) return true;
    if (revokes !== null && !(await revoke(id, revokes))) return false;
    try {
      await directory.spend("event", tenant, id, forgetAt);
    } catch (error) {
      if (error instanceof AuditUnavailable) return false;
      throw error;
    }
    ends.delete(id);
    log({ event: "security_event.received", tenant, type: revokes?.type ?? null });
    return true;
  };
}
