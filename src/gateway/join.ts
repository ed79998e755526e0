import type { Outcome } from "../core/model/outcome.ts";
import { callLocks } from "../core/session/locks.ts";
import type { Caller } from "./call.ts";
import { recordedOutcome, refusalOutcome } from "./outcomes.ts";
import type { Gateway, Session, StoredEvent } from "./ports.ts";
import { unlessLocked } from "./withhold.ts";

/** How long a call that was sent again waits: MCP clients give up after 60 s. */
export const WAIT_MS = 50_000;

/**
 * Waits for humans. Null: something was decided, so the call is to be tried once more. Otherwise the
 * request as it stands, to be asked about again.
 */
export async function stillWaiting(
  gateway: Gateway,
  session: Session,
  approval: string,
  until: number,
): Promise<Outcome | null> {
  for (;;) {
    const { state } = session;
    const { approvals, next } = state;
    const request = approvals.find((one) => one.id === approval);
    const left = request === undefined ? 0 : request.expiresAt - gateway.system.now();
    if (request?.status !== "pending" || left <= 0) return null;
    const given = request.given.length;
    const moved = await session.moved(next - 1, Math.min(until - gateway.system.elapsed(), left));
    if (moved || request.expiresAt <= gateway.system.now()) continue;
    const kept = (await session.kept(request.call, "outcome")) as unknown as Outcome | null;
    // Locked meanwhile: the next try is told so.
    if (callLocks(gateway.locks.now(state.tenant), state, request.seat, {}).length > 0) return null;
    if (kept?.outcome !== "human_approval_required") {
      return refusalOutcome(request.call, "", { kind: "failed", code: "deadline_exceeded" });
    }
    const open = request.kinds.filter((kind) => !request.given.some((one) => one.kind === kind));
    return given === 0 ? kept : { ...kept, approval: { ...kept.approval, kinds: open } };
  }
}

/** The end of the call that this one was sent again for, as its agent got it. */
export async function endOf(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  call: string,
  until: number,
): Promise<Outcome> {
  for (;;) {
    const { inFlight, next } = session.state;
    if (!inFlight.some((one) => one.call === call)) {
      const events = await gateway.evidence.call(caller.tenant, call);
      // Its admission could not be made durable: what came of it is nothing.
      if (events.length === 0) {
        return refusalOutcome(call, "", { kind: "failed", code: "audit_unavailable" });
      }
      const end = await keptOutcome(gateway, session, caller, call, events);
      if (end !== null) return end;
    }
    if (!(await session.moved(next - 1, until - gateway.system.elapsed()))) {
      return refusalOutcome(call, "", { kind: "failed", code: "deadline_exceeded" });
    }
  }
}

/**
 * As its agent got it, while that is kept, still true and not withheld by a lock; then as the record
 * tells it. Null: no end.
 */
export async function keptOutcome(
  gateway: Gateway,
  session: Session,
  place: Pick<Caller, "tenant" | "workflow">,
  call: string,
  events: readonly StoredEvent[],
): Promise<Outcome | null> {
  // Told that nobody knows, an agent asks again to hear what was found out.
  const reconciled = events.some(({ event }) => event.type === "call.reconciled");
  const kept = reconciled ? null : await session.kept(call, "outcome");
  const opening = events[0]?.event;
  if (kept === null) return recordedOutcome(place, events);
  if (opening?.type !== "call.admitted" && opening?.type !== "call.refused") return null;
  const moved = events.map(({ event }) => event).findLast((event) => event.type === "call.resent");
  const outcome = kept as unknown as Outcome;
  return unlessLocked(gateway, session.state, opening, outcome, moved?.connector);
}
