import type { Tool } from "../model/bundle.ts";
import type { ResendCommand } from "../model/command.ts";
import { hasEffect } from "../model/policy.ts";
import { type Decision, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_MOVED, MAX_RESENT, RESEND_MARGIN_MS } from "./limits.ts";
import { approverLocks, lineLocks } from "./locks.ts";
import {
  findCall,
  findSeat,
  type InFlight,
  lineLives,
  lineOf,
  type WorkflowState,
} from "./state.ts";

/**
 * May a call leave once more? It may have its effect only now, so it takes what an admission takes but
 * for what is settled by the first: the workflow and everybody behind the seat are still there, nothing
 * of it is locked, nobody who approved it is, and it is decided under the rules it was decided under.
 * Whatever is missing leaves it as it is.
 */
export function decideResend(
  state: WorkflowState,
  command: ResendCommand,
  facts: Facts,
  input: string,
): Decision {
  const inFlight = findCall(state.inFlight, command.call);
  const call = inFlight ?? findCall(state.unknown, command.call);
  if (call === undefined || state.status !== "open") return IGNORED;
  const tool = facts.bundle.tool(call.tool);
  const { presenter } = command;
  if (
    tool === undefined ||
    facts.bundle.digest !== call.policyVersion ||
    (state.readOnly && hasEffect(call.action)) ||
    !(inFlight === undefined ? mayRepeat(tool, call, command, facts) : mayMove(call, command)) ||
    isHeld(state, { ...call, connector: presenter.connector }, facts)
  ) {
    return IGNORED;
  }
  return {
    events: [
      {
        type: "call.resent",
        call: call.call,
        chain: call.chain,
        policyVersion: call.policyVersion,
        txn: command.txn,
        connector: presenter.connector,
        session: presenter.session,
        lockEpoch: facts.locks?.epoch ?? 0,
        input,
      },
    ],
    result: { kind: "resent" },
  };
}

/** To any connector of its place: what can have had no effect, or provably had none. */
function mayMove(call: InFlight, { operation, effect }: ResendCommand): boolean {
  const harmless = !hasEffect(call.action) || call.mode === "preview";
  return operation === null && call.resent < MAX_MOVED && (harmless || effect === "none");
}

/** To its own connector, as the very same request. */
function mayRepeat(tool: Tool, call: InFlight, command: ResendCommand, facts: Facts): boolean {
  return (
    command.presenter.connector === call.connector &&
    facts.mac(`operation\n${command.operation}`) === call.operation &&
    isKept(tool, call, facts.now)
  );
}

/** The service still knows the key. A clock that went back says nothing about how long it was. */
function isKept({ action, resendMs }: Tool, call: InFlight, now: number): boolean {
  if (resendMs === null || call.cancelled || call.resent >= MAX_RESENT) return false;
  const age = now - call.admittedAt;
  const known = age >= 0 && age < resendMs - RESEND_MARGIN_MS;
  return known && hasEffect(action) && call.mode === "execute";
}

function isHeld(state: WorkflowState, call: InFlight, { locks, now }: Facts): boolean {
  const seat = findSeat(state, call.seat);
  if (locks === null || seat === undefined || now >= state.expiresAt) return true;
  const line = lineOf(state, seat);
  if (!lineLives(state, line, now)) return true;
  const approval = state.approvals.find((one) => one.id === call.approval);
  if (call.approval !== null && approval === undefined) return true;
  const held = lineLocks(locks, state, line, {
    tool: call.tool,
    definition: call.definition,
    destination: call.destination,
    connector: call.connector,
    bundle: call.policyVersion,
  });
  return held.length > 0 || approverLocks(locks, approval?.given ?? []).length > 0;
}
