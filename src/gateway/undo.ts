import { changeOf } from "../core/model/change.ts";
import type { CallAdmitted } from "../core/model/event.ts";
import type { Outcome } from "../core/model/outcome.ts";
import { hasEffect } from "../core/model/policy.ts";
import { type Caller, callTool } from "./call.ts";
import { type KeptObservation, keptObservation } from "./observation.ts";
import type { Gateway, Session, StoredEvent } from "./ports.ts";
import { found } from "./record.ts";

/** Why a call cannot be taken back, each with what to do. */
export const UNDO_MESSAGES = {
  call_unknown: "There is no such call that this human's workflows made.",
  outcome_unknown: "Nobody knows yet whether this call took effect. Ask again later.",
  not_committed: "This call changed nothing that is known to have happened.",
  not_observed: "What this call changed was not observed, or is no longer kept.",
  no_inverse: "The bundle names no tool that writes the state before this call back.",
} as const;
export type UndoCode = keyof typeof UNDO_MESSAGES;

type Inverse =
  | {
      readonly ok: true;
      readonly tool: string;
      readonly call: () => Promise<Outcome>;
    }
  | { readonly ok: false; readonly code: UndoCode };

/**
 * The way back is as governed as the way in: the inverse of what a call committed, as a call of the
 * workflow that asks, which the same human started. It has to be that inverse exactly, so it is
 * refused when the state has moved on.
 */
export async function undoCall(
  gateway: Gateway,
  caller: Caller,
  call: string,
  waitMs?: number,
): Promise<{ readonly outcome: Outcome } | { readonly code: UndoCode }> {
  const inverse = await inverseOf(gateway, caller, call, waitMs);
  return inverse.ok ? { outcome: await inverse.call() } : { code: inverse.code };
}

/** One line per call of a workflow that changed something, the last first: the order to undo in. */
export interface UndoStep {
  readonly call: string;
  readonly tool: string;
  /** The tool that takes it back; null: nothing does. */
  readonly undo: string | null;
  readonly code: UndoCode | null;
}

/** Null: no such workflow of this human. */
export async function undoPlan(
  gateway: Gateway,
  caller: Caller,
  workflow: string,
): Promise<readonly UndoStep[] | null> {
  const session = await found(gateway, { tenant: caller.tenant, workflow });
  if (session === null || session.state.human !== caller.human) return null;
  /** Calls that may change something, in the order in which they ended: what ends last is undone first. */
  const calls = new Map<string, string>();
  for await (const { event } of eventsOf(gateway, caller.tenant, workflow)) {
    if (event.type === "call.admitted" && mayChange(event)) calls.set(event.call, event.tool);
    if (event.type !== "call.settled" && event.type !== "call.reconciled") continue;
    const tool = calls.get(event.call);
    if (tool === undefined) continue;
    calls.delete(event.call);
    calls.set(event.call, tool);
  }
  const steps: UndoStep[] = [];
  for (const [call, tool] of [...calls].reverse()) {
    const inverse = await inverseOf(gateway, caller, call);
    if (inverse.ok) steps.push({ call, tool, undo: inverse.tool, code: null });
    else if (inverse.code !== "not_committed") {
      steps.push({ call, tool, undo: null, code: inverse.code });
    }
  }
  return steps;
}

async function inverseOf(
  gateway: Gateway,
  caller: Caller,
  call: string,
  waitMs?: number,
): Promise<Inverse> {
  const events = await gateway.evidence.call(caller.tenant, call);
  const admitted = events.map(({ event }) => event).find((one) => one.type === "call.admitted");
  if (admitted === undefined) return no("call_unknown");
  const place = { tenant: caller.tenant, workflow: admitted.workflow };
  const session = await found(gateway, place);
  // Somebody else's call and an invented one look the same.
  if (session === null || session.state.human !== caller.human) return no("call_unknown");
  if (!mayChange(admitted)) return no("not_committed");
  const end = endOf(events);
  if (end === null || end === "outcome_unknown") return no("outcome_unknown");
  if (end !== "ok" && end !== "partial_result") return no("not_committed");
  const observed =
    (await keptObservation(session, call)) ??
    (await approvedObservation(session, admitted.approval));
  if (observed === null) return no("not_observed");
  // As it was before: there is nothing to take back.
  if (observed.change.length === 0) return no("not_committed");
  const runtime = gateway.bundles.active(caller.tenant)?.tool(admitted.tool);
  const inverse = runtime?.undo(observed.arguments, observed) ?? null;
  if (inverse === null) return no("no_inverse");
  const { tool, arguments: args } = inverse;
  const expects = { change: changeOf(observed.after, observed.before), etag: observed.etag };
  const request = { tool, arguments: args, idempotencyKey: null, expects };
  return {
    ok: true,
    tool,
    call: () => callTool(gateway, caller, { ...request, ...(waitMs !== undefined && { waitMs }) }),
  };
}

/**
 * Committed, but its answer was lost: the connector held it against what was approved. The entity tag
 * is of the state before it, and nobody knows the one after.
 */
async function approvedObservation(
  session: Session,
  approval: string | null,
): Promise<KeptObservation | null> {
  const request = session.state.approvals.find((one) => one.id === approval);
  const observed = request === undefined ? null : await keptObservation(session, request.call);
  return observed === null ? null : { ...observed, etag: null };
}

function mayChange({ action, mode }: CallAdmitted): boolean {
  return hasEffect(action) && mode === "execute";
}

/** Null: it has not ended. */
function endOf(events: readonly StoredEvent[]): Outcome["outcome"] | null {
  const end = events
    .map(({ event }) => event)
    .findLast((event) => event.type === "call.settled" || event.type === "call.reconciled");
  return end?.outcome ?? null;
}

/** Events of one page; a workflow is read whole. */
const PAGE = 1_000;

async function* eventsOf(
  gateway: Gateway,
  tenant: string,
  workflow: string,
): AsyncGenerator<StoredEvent> {
  for (let after = -1; ;) {
    const page = await gateway.evidence.events(tenant, workflow, after, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.event.seq;
  }
}

function no(code: UndoCode): Inverse {
  return { ok: false, code };
}
