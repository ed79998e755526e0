import type {
  CallAdmitted,
  CallReconciled,
  CallRefused,
  CallResent,
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
  /**
   * Claims of each call token, told again from its admission and from what sent the call out again; none
   * for a call that was refused. One that a lock stopped was never shown to anybody.
   */
  readonly tokens: readonly JsonObject[];
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
  const token = (leaving: Leaving): JsonObject =>
    tokenOf(leaving, first?.hash ?? "", state, operation);
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
    tokens: opening.type === "call.admitted" ? leavings(opening, events).map(token) : [],
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

type Leaving = Of<CallAdmitted>;

/** The call as it left each time: to another connector, or once more to its own. */
function leavings(admitted: Leaving, events: readonly StoredEvent[]): readonly Leaving[] {
  const again = events.map(({ event }) => event).filter((event) => event.type === "call.resent");
  return [admitted, ...again.map((event) => ({ ...admitted, ...addressOf(event) }))];
}

function addressOf({ at, txn, connector, session, lockEpoch }: Of<CallResent>) {
  return { at, txn, connector, session, lockEpoch };
}

function tokenOf(
  leaving: Leaving,
  record: string,
  state: WorkflowState,
  operation: string | null,
): JsonObject {
  const { claims, lifeSeconds } = callClaims(state, leaving, record, operation ?? "");
  const iat = Math.floor(leaving.at / 1_000);
  return {
    ...claims,
    tctx: { ...claims.tctx, operation },
    iat,
    exp: iat + lifeSeconds,
  } as unknown as JsonObject;
}
