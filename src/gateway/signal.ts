import type { Subject } from "../core/model/command.ts";
import type { SignalCode } from "../core/model/signal.ts";
import { findSeat } from "../core/session/state.ts";
import type { Gateway } from "./ports.ts";
import { found, submitted } from "./record.ts";

/** Something suspicious, on evidence that no stranger can make. */
export interface Raised {
  readonly signal: SignalCode;
  /** Whose good token it was; null: the evidence names no workflow. */
  readonly at: { readonly workflow: string; readonly seat: string | null } | null;
  readonly call: string | null;
  /** What the evidence itself authenticates; null: nothing. */
  readonly subject: Subject | null;
}

/**
 * In force is what follows from it, and recorded if it can be, when this resolves. Never rejects for
 * want of a record: whoever is refused is refused all the same.
 */
export async function raiseSignal(gateway: Gateway, tenant: string, one: Raised): Promise<void> {
  const { signal, at, call } = one;
  const subject = worthLocking(gateway, tenant, one.subject);
  if (at === null) return gateway.signals.raise(tenant, { signal, subject });
  const session = await found(gateway, { tenant, workflow: at.workflow });
  if (session === null) return;
  await submitted(session, { type: "signal", signal, seat: at.seat, call, subject });
}

/** An agent with a credential of one workflow asks about another: proven, and out of its place. */
export async function raiseMisplaced(
  gateway: Gateway,
  caller: { readonly tenant: string; readonly workflow: string; readonly seat: string },
): Promise<void> {
  const { tenant, workflow, seat } = caller;
  const state = (await found(gateway, caller))?.state;
  const jkt = state === undefined ? undefined : findSeat(state, seat)?.jkt;
  const subject = jkt === undefined ? null : ({ target: "key", value: jkt } as const);
  const at = { workflow, seat };
  await raiseSignal(gateway, tenant, { signal: "context_mismatch", at, call: null, subject });
}

/**
 * What a connector saw of one of our call tokens, or what its key did. The connector is all that is
 * proven: whoever sits on its wire, or lies with its key, costs others nothing but their workflow.
 */
export async function raiseByConnector(
  gateway: Gateway,
  tenant: string,
  connector: string,
  { signal, call }: { readonly signal: SignalCode; readonly call: string | null },
): Promise<void> {
  const subject = { target: "connector", value: connector } as const;
  if (call === null) return raiseSignal(gateway, tenant, { signal, at: null, call, subject });
  const admitted = (await gateway.evidence.call(tenant, call))[0]?.event;
  // A call of nobody here: an invention, or another tenant's.
  if (admitted?.type !== "call.admitted") return;
  const { workflow, seat } = admitted;
  await raiseSignal(gateway, tenant, { signal, at: { workflow, seat }, call, subject });
}

/** A key that no agent of the tenant has holds nothing: whoever made it up makes another one. */
function worthLocking(gateway: Gateway, tenant: string, subject: Subject | null): Subject | null {
  if (subject?.target !== "key") return subject;
  return gateway.keys.holds(tenant, subject.value) ? subject : null;
}
