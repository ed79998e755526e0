import type { Json } from "../core/model/json.ts";
import type { Failed, FailureReason, PolicyDenied, PolicyReason } from "../core/model/outcome.ts";
import type { Decision } from "../core/session/decision.ts";
import type { Caller } from "./call.ts";
import { refusalOutcome, type ArgumentFault } from "./outcomes.ts";
import type { Gateway, Session } from "./ports.ts";
import { lookUp, prepared } from "./prepare.ts";
import { askedTooOften } from "./questions.ts";
import { considered, found, submitted } from "./record.ts";

/** What would become of a call, if it were made now. */
export type Evaluation =
  | { readonly outcome: "ok" }
  | { readonly outcome: "human_approval_required"; readonly kinds: readonly string[] }
  | { readonly outcome: "policy_denied"; readonly reason: PolicyReason }
  | {
      readonly outcome: "failed";
      readonly reason: FailureReason;
      /** Seconds; absent: nobody knows. */
      readonly retryAfter?: number;
    };

/**
 * The very decision that the call itself would meet, without its event: nothing is admitted,
 * charged or sent. So it is an answer of this moment and no promise: the call is decided again.
 */
export async function evaluateCall(
  gateway: Gateway,
  caller: Caller,
  request: { readonly tool: string; readonly arguments: Json },
): Promise<Evaluation> {
  const session = await found(gateway, caller);
  if (session === null) return failed("audit_unavailable");
  const retryAfterMs = askedTooOften(gateway, caller);
  if (retryAfterMs > 0) return failed("rate_limited", retryAfterMs);
  const looked = await lookUp(gateway, caller, request);
  if (looked === null) return failed("policy_unavailable");
  const ready = prepared(gateway, caller.tenant, looked);
  if (ready === null) return evaluateCall(gateway, caller, request);
  const { bundle, shape, shaped, presenter } = ready;
  const { system } = gateway;
  const decision = considered(session, {
    type: "call",
    call: system.id("call"),
    txn: system.id("txn"),
    seat: caller.seat,
    tool: request.tool,
    arguments: request.arguments,
    shaped,
    presenter,
    approval: system.id("apr"),
    idempotencyKey: null,
  });
  if (decision === null) return failed("audit_unavailable");
  await touched(session, decision);
  const fault = shape?.ok === false ? shape : undefined;
  return evaluationOf(session, decision, bundle.view.digest, fault);
}

/** Whoever asks about a trap has touched it: asking first must not be the way around it. */
async function touched(session: Session, { signals }: Decision): Promise<void> {
  const traps = (signals ?? []).filter(({ signal }) => signal === "canary_tool");
  // The call that it names was never made.
  for (const trap of traps) await submitted(session, { ...trap, call: null });
}

function evaluationOf(
  session: Session,
  { result, events: [event] }: Decision,
  policyVersion: string,
  fault: ArgumentFault | undefined,
): Evaluation {
  switch (result.kind) {
    case "admitted": {
      const need = event?.type === "call.admitted" ? event.need : null;
      return need === null ? { outcome: "ok" } : asked(need.kinds);
    }
    case "joined":
      return { outcome: "ok" };
    case "asked":
      return asked((event?.type === "call.refused" ? event.approval?.kinds : undefined) ?? []);
    case "waiting": {
      const request = session.state.approvals.find(({ id }) => id === result.approval);
      return asked(request?.kinds ?? []);
    }
    case "denied":
    case "failed":
      return refused(refusalOutcome("", policyVersion, result, fault));
    default:
      return failed("internal_error");
  }
}

function asked(kinds: readonly string[]): Evaluation {
  return { outcome: "human_approval_required", kinds };
}

function failed(
  code: "audit_unavailable" | "policy_unavailable" | "internal_error" | "rate_limited",
  retryAfterMs?: number,
): Evaluation {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return refused(refusalOutcome("", "", { kind: "failed", code, ...wait }));
}

function refused(refusal: PolicyDenied | Failed): Evaluation {
  if (refusal.outcome === "policy_denied") {
    return { outcome: refusal.outcome, reason: refusal.reason };
  }
  const { outcome, reason, retryAfter } = refusal;
  return { outcome, reason, ...(retryAfter !== undefined && { retryAfter }) };
}
