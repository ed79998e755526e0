import type { Command } from "../core/model/command.ts";
import type { Decision } from "../core/session/decision.ts";
import {
  AuditUnavailable,
  type Committed,
  type Gateway,
  type Keep,
  type Session,
} from "./ports.ts";

interface Place {
  readonly tenant: string;
  readonly workflow: string;
}

/**
 * Null: there is no such workflow, or another tenant's. What was looked up is held against what was
 * asked for: a look-up that mixes tenants must not answer (P7).
 */
export async function lookedUp(
  { sessions }: Pick<Gateway, "sessions">,
  { tenant, workflow }: Place,
): Promise<Session | null> {
  const session = await sessions.find(tenant, workflow);
  if (session === null) return null;
  const { state } = session;
  return state.tenant === tenant && state.workflow === workflow ? session : null;
}

/** The same; null also when its record cannot be read: nothing is added to it. */
export async function found(gateway: Gateway, place: Place): Promise<Session | null> {
  return available(() => lookedUp(gateway, place));
}

/** Null when the record could not be made durable: then nothing of it happened. */
export async function submitted(
  session: Session,
  command: Command,
  keep?: Keep,
): Promise<Committed | null> {
  return available(() => session.submit(command, keep));
}

/** What would be decided now; null as above. */
export function considered(session: Session, command: Command): Decision | null {
  try {
    return session.consider(command);
  } catch (error) {
    if (error instanceof AuditUnavailable) return null;
    throw error;
  }
}

async function available<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AuditUnavailable) return null;
    throw error;
  }
}
