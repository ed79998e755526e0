import type { Command } from "../model/command.ts";
import { canonical } from "../model/json.ts";
import { decideApproval } from "./approval.ts";
import { decideCall } from "./call.ts";
import { decideCheckpoint, decideClose, decideRenew, decideUsage } from "./lifecycle.ts";
import { type Decision, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { decideOpen } from "./open.ts";
import { decideResend } from "./resend.ts";
import { decideSeat } from "./seat.ts";
import { decideReconcile, decideSettle } from "./settle.ts";
import { decideSignal } from "./signal.ts";
import type { WorkflowState } from "./state.ts";

/**
 * The heart: state + command + facts → events + result. Pure, total, deterministic; never throws
 * on bad input. `input` is the canonical sealed input of this decision (see `inputOf`), whose
 * keyed digest every event carries, so that a changed input is found on replay.
 */
export function decide(
  state: WorkflowState,
  command: Command,
  facts: Facts,
  input: string,
): Decision {
  const mac = facts.mac(input);
  switch (command.type) {
    case "open":
      return decideOpen(state, command, facts, mac);
    case "seat":
      return decideSeat(state, command, facts, mac);
    case "renew":
      return decideRenew(state, command, facts, mac);
    case "call":
      return decideCall(state, command, facts, mac);
    case "settle":
      return decideSettle(state, command, facts, mac);
    case "reconcile":
      return decideReconcile(state, command, mac);
    case "resend":
      return decideResend(state, command, facts, mac);
    case "decideApproval":
      return decideApproval(state, command, facts, mac);
    case "reportUsage":
      return decideUsage(state, command, facts, mac);
    case "signal":
      return decideSignal(state, command, facts, mac);
    case "checkpoint":
      return decideCheckpoint(state, command, facts, mac);
    case "close":
      return decideClose(state, command, mac);
    default:
      // Only a stored input of another version gets here; replay reports it.
      command satisfies never;
      return IGNORED;
  }
}

/** What replay reads: the command and every fact that is not found again by the policy version. */
export function inputOf(command: Command, facts: Pick<Facts, "now" | "bundle" | "locks">): string {
  return canonical({
    command,
    facts: { now: facts.now, policyVersion: facts.bundle.digest, locks: facts.locks },
  });
}
