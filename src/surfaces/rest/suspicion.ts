import { type Raised, raiseSignal } from "../../gateway/signal.ts";
import type { Gateway } from "../../gateway/ports.ts";
import type { Caller } from "../../identity/credential.ts";
import type { Suspicion } from "../../identity/suspicion.ts";

export interface SuspiciousDoor {
  readonly gateway: Gateway;
  /** Whose good credential a refused one is, at another tenant of this host; null: nobody's. */
  elsewhere(token: string): Caller | null;
}

/** Raised before the refusal is answered: what it locks is in force by then. */
export function report(gateway: Gateway, tenant: string, suspicion: Suspicion): Promise<void> {
  return raiseSignal(gateway, tenant, raisedBy(suspicion));
}

/**
 * A credential that was not issued here may be another tenant's: then it is that tenant's signal.
 * Nobody waits for it, so that the time of the answer does not tell a stolen credential from garbage.
 */
export function reportElsewhere({ gateway, elsewhere }: SuspiciousDoor, token: string): void {
  const caller = elsewhere(token);
  if (caller === null) return;
  const raised = raisedBy({ code: "context_mismatch", caller, proved: null });
  raiseSignal(gateway, caller.tenant, raised).catch(() => undefined);
}

function raisedBy({ code, caller, proved }: Suspicion): Raised {
  const at = caller === null ? null : { workflow: caller.workflow, seat: caller.seat };
  return { signal: code, at, call: null, subject: proved };
}
