import type {
  ApprovalAsked,
  ApprovalDecided,
  ApprovalSubject,
  WorkflowEvent,
} from "../model/event.ts";
import { type Approval, findCall, type InFlight, type WorkflowState } from "./state.ts";

/** The requests for approval after this event; the rest of the state is as before it. */
export function after(state: WorkflowState, event: WorkflowEvent): readonly Approval[] {
  const { approvals } = state;
  switch (event.type) {
    case "call.refused": {
      const { approval, call, seat, tool, policyVersion } = event;
      if (approval !== null && tool !== null) {
        const asked = pending(approval, { ...approval, call, seat, tool, policyVersion });
        return withRequest(approvals, asked, event.at);
      }
      return event.code === "approval_stale" && event.blockedBy !== null
        ? become(approvals, event.blockedBy, { status: "stale" })
        : approvals;
    }
    case "call.admitted":
      return event.approval === null
        ? approvals
        : become(approvals, event.approval, { status: "used", usedBy: event.call });
    case "call.settled": {
      const call = findCall(state.inFlight, event.call);
      if (call === undefined) return approvals;
      if (event.approval !== null) {
        return withRequest(approvals, pending(event.approval, subjectOf(call)), event.at);
      }
      return carriedOut(approvals, call, event);
    }
    case "call.reconciled": {
      const call = findCall(state.unknown, event.call);
      return call === undefined ? approvals : carriedOut(approvals, call, event);
    }
    case "approval.decided":
      return decided(approvals, event);
    default:
      return approvals;
  }
}

type Subject = ApprovalSubject & Pick<Approval, "call" | "seat" | "tool" | "policyVersion">;

function pending(asked: ApprovalAsked, subject: Subject): Approval {
  const { id, kinds, ruleIds, discloses, plan, preview, classes, digest, expiresAt } = asked;
  const { call, seat, tool, policyVersion, definition, operation, target, idempotency } = subject;
  return {
    ...{ id, status: "pending", given: [], usedBy: null },
    ...{ kinds, ruleIds, discloses, plan, preview, classes, digest, expiresAt },
    ...{ call, seat, tool, policyVersion, definition, operation, target, idempotency },
  };
}

/**
 * What other rules asked about the same target nobody can answer any more. Left to time out, it
 * would count as rejected, and deny what humans approve now.
 */
function withRequest(
  approvals: readonly Approval[],
  asked: Approval,
  at: number,
): readonly Approval[] {
  const others = approvals.map((one) =>
    one.status === "pending" &&
    at < one.expiresAt &&
    one.tool === asked.tool &&
    one.target === asked.target &&
    one.policyVersion !== asked.policyVersion
      ? { ...one, status: "stale" as const }
      : one,
  );
  return [...others, asked];
}

function subjectOf(call: InFlight): Subject {
  return { ...call, operation: call.operation ?? "", target: call.target ?? "" };
}

/** What provably had no effect may be tried again; what no longer fits never will. */
function carriedOut(
  approvals: readonly Approval[],
  { approval }: InFlight,
  { outcome, code }: { readonly outcome: string; readonly code: string | null },
): readonly Approval[] {
  if (approval === null) return approvals;
  if (outcome === "failed") {
    return become(approvals, approval, { status: "approved", usedBy: null });
  }
  return code === "approval_stale" ? become(approvals, approval, { status: "stale" }) : approvals;
}

function decided(approvals: readonly Approval[], event: ApprovalDecided): readonly Approval[] {
  const { approval, verdict, kind, human, complete, lockEpoch } = event;
  if (verdict === "reject") return become(approvals, approval, { status: "rejected" });
  return approvals.map((one) =>
    one.id === approval
      ? {
          ...one,
          given: [...one.given, { kind, human, lockEpoch }],
          status: complete ? "approved" : one.status,
        }
      : one,
  );
}

function become(
  approvals: readonly Approval[],
  id: string,
  change: Partial<Approval>,
): readonly Approval[] {
  return approvals.map((one) => (one.id === id ? { ...one, ...change } : one));
}
