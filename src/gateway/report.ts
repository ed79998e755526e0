import type {
  CallAdmitted,
  CallReconciled,
  CallRefused,
  CallSettled,
  WorkflowEvent,
} from "../core/model/event.ts";
import type { JsonObject } from "../core/model/json.ts";
import type { WorkflowState } from "../core/session/state.ts";
import { callClaims } from "./call-claims.ts";
import type { StoredEvent } from "./ports.ts";

/** One call whole, as the record tells it; without a single value (P10). */
export interface CallReport {
  readonly call: string;
  readonly workflow: string;
  readonly principals: {
    readonly human: string;
    readonly agent: string;
    readonly tool: string | null;
  };
  readonly purpose: string;
  /** `in_flight` until it is settled. */
  readonly outcome: string;
  readonly code: string | null;
  readonly policyVersion: string;
  readonly ruleIds: readonly string[];
  readonly rules: JsonObject;
  /** Claims of the call token, told again from its admission; null for a call that was refused. */
  readonly token: JsonObject | null;
  readonly plan: JsonObject | null;
  readonly redactions: readonly JsonObject[];
  readonly dropped: number;
  readonly undeclared: number;
  readonly timing: {
    readonly at: string;
    readonly settledAt: string | null;
    readonly runtimeMs: number | null;
  };
  readonly record: readonly {
    readonly seq: number;
    readonly type: string;
    readonly hash: string;
  }[];
}

type Of<T> = Extract<WorkflowEvent, T>;

/** Null: these are not the events of a call. */
export function reportCall(
  events: readonly StoredEvent[],
  state: WorkflowState,
  operation: string | null,
): CallReport | null {
  const [first] = events;
  const opening = first?.event;
  if (opening?.type !== "call.admitted" && opening?.type !== "call.refused") return null;
  const settled = events
    .map(({ event }) => event)
    .findLast((event) => event.type === "call.settled");
  const reconciled = events
    .map(({ event }) => event)
    .findLast((event) => event.type === "call.reconciled");
  return {
    call: opening.call,
    workflow: opening.workflow,
    principals: { human: state.human, agent: opening.agent, tool: opening.tool },
    purpose: state.purpose,
    policyVersion: opening.policyVersion,
    rules: { ...opening.rules },
    ...ending(opening, settled, reconciled),
    token: tokenOf(opening, first?.hash ?? "", state, operation),
    plan: opening.type === "call.admitted" ? ({ ...opening.plan } as unknown as JsonObject) : null,
    redactions: (settled?.redactions ?? []).map((count) => ({ ...count })),
    dropped: settled?.dropped ?? 0,
    undeclared: settled?.undeclared ?? 0,
    timing: {
      at: new Date(opening.at).toISOString(),
      settledAt: settled === undefined ? null : new Date(settled.at).toISOString(),
      runtimeMs: settled?.runtimeMs ?? null,
    },
    record: events.map(({ event, hash }) => ({ seq: event.seq, type: event.type, hash })),
  };
}

function ending(
  opening: Of<CallAdmitted | CallRefused>,
  settled: Of<CallSettled> | undefined,
  reconciled: Of<CallReconciled> | undefined,
): Pick<CallReport, "outcome" | "code" | "ruleIds"> {
  if (reconciled !== undefined) {
    return { outcome: reconciled.outcome, code: reconciled.code, ruleIds: [] };
  }
  const last = opening.type === "call.refused" ? opening : settled;
  if (last !== undefined) return { outcome: last.outcome, code: last.code, ruleIds: last.ruleIds };
  return { outcome: "in_flight", code: null, ruleIds: [] };
}

function tokenOf(
  opening: Of<CallAdmitted | CallRefused>,
  record: string,
  state: WorkflowState,
  operation: string | null,
): JsonObject | null {
  if (opening.type !== "call.admitted") return null;
  const { claims, lifeSeconds } = callClaims(state, opening, record, operation ?? "");
  const iat = Math.floor(opening.at / 1_000);
  return {
    ...claims,
    tctx: { ...claims.tctx, operation },
    iat,
    exp: iat + lifeSeconds,
  } as unknown as JsonObject;
}
