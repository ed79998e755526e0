import type { Limits } from "../core/model/bundle.ts";
import { DENIALS, FAILURE_MESSAGES } from "../core/model/outcome-message.ts";
import type { PolicyReason } from "../core/model/outcome.ts";
import { findCall, findSeat, type WorkflowState } from "../core/session/state.ts";
import type { Gateway, Session } from "./ports.ts";
import { found, submitted } from "./record.ts";

/** Verified by identity before it comes here: who gives, who takes, and with which key. */
export interface SeatRequest {
  readonly tenant: string;
  readonly workflow: string;
  /** The giver's seat with the agent and key of its credential, or the call whose token is exchanged. */
  readonly from:
    | { readonly seat: string; readonly agent: string; readonly jkt: string }
    | { readonly call: string };
  readonly agent: string;
  readonly jkt: string;
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly lifeMs?: number;
}

export type SeatResult =
  | {
      readonly kind: "granted";
      readonly seat: string;
      readonly human: string;
      readonly tools: readonly string[];
      readonly expiresAt: number;
    }
  | { readonly kind: "denied"; readonly reason: PolicyReason }
  /** No such workflow, seat or call: they all look the same (P7). */
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly message: string };

/** A sub-agent's place in a workflow that is open: never a workflow of its own. */
export async function grantSeat(gateway: Gateway, request: SeatRequest): Promise<SeatResult> {
  const { tenant, workflow, from, ...ask } = request;
  const policyVersion = gateway.bundles.active(tenant)?.view.digest;
  if (policyVersion === undefined) return unavailable("policy_unavailable");
  const session = await found(gateway, { tenant, workflow });
  const giver = session === null ? null : giverOf(session.state, from);
  if (session === null || giver === null) return { kind: "unknown" };
  const committed = await submitted(session, {
    type: "seat",
    ...giver,
    ...ask,
    // In the same turn as the decision: who got the key a moment ago counts.
    key: gateway.keys.standing(tenant, ask.agent, ask.jkt),
    seat: gateway.system.id("seat"),
  });
  if (committed === null) return unavailable("audit_unavailable");
  return resultOf(session, committed.result, policyVersion);
}

function resultOf(
  session: Session,
  result: NonNullable<Awaited<ReturnType<typeof submitted>>>["result"],
  policyVersion: string,
): SeatResult {
  switch (result.kind) {
    case "granted": {
      const { id: seat, tools, expiresAt } = result.seat;
      return { kind: "granted", seat, human: session.state.human, tools, expiresAt };
    }
    case "denied": {
      const { code, ruleIds } = result;
      const { message } = DENIALS[code];
      return { kind: "denied", reason: { code, ruleIds, policyVersion, message } };
    }
    case "failed":
      return unavailable(result.code);
    default:
      return unavailable("internal_error");
  }
}

/** A credential speaks for its own seat only while agent and key are still those of the seat. */
function giverOf(
  state: WorkflowState,
  from: SeatRequest["from"],
): { readonly parent: string; readonly call: string | null } | null {
  if ("call" in from) {
    const call = findCall(state.inFlight, from.call);
    return call === undefined ? null : { parent: call.seat, call: call.call };
  }
  const seat = findSeat(state, from.seat);
  if (seat?.agent !== from.agent || seat.jkt !== from.jkt) return null;
  return { parent: seat.id, call: null };
}

function unavailable(code: keyof typeof FAILURE_MESSAGES): SeatResult {
  return { kind: "unavailable", message: FAILURE_MESSAGES[code] };
}
