import type { Tool } from "../model/bundle.ts";
import type { ResendCommand } from "../model/command.ts";
import { hasEffect } from "../model/policy.ts";
import { type Decision, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_RESENT, RESEND_MARGIN_MS } from "./limits.ts";
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
 * May a call of unknown outcome leave once more? It may have its effect only now, so it takes what an
 * admission takes but for what is settled by the first: the workflow and everybody behind the seat are
 * still there, nothing of it is locked, nobody who approved it is, and it is decided under the rules it
 * was decided under. Whatever is missing leaves it unknown.
 */
export function decideResend(
  state: WorkflowState,
  command: ResendCommand,
  facts: Facts,
  input: string,
): Decision {
  const call = findCall(state.unknown, command.call);
  if (call === undefined || state.status !== "open" || state.readOnly) return IGNORED;
  const tool = facts.bundle.tool(call.tool);
  const { presenter } = command;
  if (
    tool === undefined ||
    facts.bundle.digest !== call.policyVersion ||
    presenter.connector !== call.connector ||
    facts.mac(`operation\n${command.operation}`) !== call.operation ||
    !isKept(tool, call, facts.now) ||
    isHeld(state, call, facts)
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

/** The service still knows the key. A clock that went back says nothing about how long it was. */
function isKept({ action, resendMs }: Tool, call: InFlight, now: number): boolean {
  if (resendMs === null || call.resent >= MAX_RESENT) return false;
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
    destination: call.destination,
    connector: call.connector,
    bundle: call.policyVersion,
  });
  return held.length > 0 || approverLocks(locks, approval?.given ?? []).length > 0;
}
