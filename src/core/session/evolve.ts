import type {
  CallAdmitted,
  CallReconciled,
  CallRefused,
  CallSettled,
  SeatRefused,
  Stamp,
  WorkflowEvent,
  WorkflowOpened,
} from "../model/event.ts";
import { POLICY_CODES, type PolicyCode } from "../model/outcome.ts";
import { after as approvalsAfter } from "./approvals.ts";
import { type Charge, plus } from "./budget.ts";
import { keyPlace } from "./idempotency.ts";
import { MAX_SIGNALS } from "./limits.ts";
import {
  findCall,
  findSeat,
  type InFlight,
  lineOf,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "./state.ts";
import { countedIn, refusalsAfter } from "./window.ts";

/** The only way state changes. */
export function evolve(state: WorkflowState, event: WorkflowEvent): WorkflowState {
  const approvals = approvalsAfter(state, event);
  const next = { ...state, approvals, next: event.seq + 1 };
  switch (event.type) {
    case "workflow.opened":
      return { ...next, ...opened(event) };
    case "seat.granted": {
      const { seat: id, agent, jkt, parent, tools, limits, expiresAt, lockEpoch, call } = event;
      const depth = (findSeat(state, parent)?.depth ?? 0) + 1;
      const used = NOTHING_USED;
      const seat: Seat = {
        ...{ id, agent, jkt, parent, depth, tools, limits, used, expiresAt, lockEpoch, call },
      };
      return { ...next, seats: { ...state.seats, [id]: seat } };
    }
    case "call.admitted":
      return admitted(next, event);
    case "call.settled": {
      const call = findCall(state.inFlight, event.call);
      if (call === undefined) return next;
      const { cost, runtimeMs, tokens } = event;
      const cancelled = event.code === "cancelled";
      return {
        ...ended(next, call, event),
        inFlight: without(state.inFlight, call),
        unknown:
          event.outcome === "outcome_unknown"
            ? [...state.unknown, { ...call, cost, runtimeMs, tokens, cancelled }]
            : state.unknown,
      };
    }
    case "call.resent": {
      const { connector, session } = event;
      const again = (call: InFlight): InFlight =>
        call.call === event.call ? { ...call, connector, session, resent: call.resent + 1 } : call;
      return {
        ...next,
        inFlight: state.inFlight.map(again),
        unknown: state.unknown.map(again),
      };
    }
    case "call.reconciled": {
      const call = findCall(state.unknown, event.call);
      if (call === undefined) return next;
      return { ...ended(next, call, event), unknown: without(state.unknown, call) };
    }
    case "call.refused":
    case "seat.refused":
      return { ...next, refusals: refused(state, event) };
    case "usage.reported": {
      const charge = { calls: 0, cost: 0, runtimeMs: 0, tokens: event.tokens };
      return charged(next, event.seat, null, charge);
    }
    case "signal.raised": {
      const { signal, at, containment } = event;
      return {
        ...next,
        signals: remembered(state.signals, { signal, at }),
        readOnly: state.readOnly || (containment !== null && containment.lock === null),
      };
    }
    case "approval.decided":
    case "approval.refused":
    case "seat.renewed":
    case "checkpoint.saved":
      return next;
    case "workflow.closed":
      return { ...next, status: "closed" };
  }
}

function opened(event: WorkflowOpened & Stamp): Partial<WorkflowState> {
  const { tenant, workflow, human, agent, purpose, limits, expiresAt, keyDigest } = event;
  const { seat: id, jkt, tools, lockEpoch } = event;
  const used = NOTHING_USED;
  const root: Seat = {
    ...{ id, agent, jkt, parent: null, depth: 0, tools, limits, used, expiresAt, lockEpoch },
    call: null,
  };
  return {
    status: "open",
    ...{ tenant, workflow, human, agent, purpose, limits, expiresAt, keyDigest },
    trust: event.ruleIds[0]?.slice("trust:".length) ?? "",
    seats: { [id]: root },
  };
}

function admitted(state: WorkflowState, event: CallAdmitted & Stamp): WorkflowState {
  const { call, seat, tool, operation, idempotency, mode } = event;
  const { calls, cost, runtimeMs, tokens } = { calls: 1, ...event };
  const keyed = idempotency !== null && mode === "execute";
  return {
    ...charged(state, seat, tool, { calls, cost, runtimeMs, tokens }),
    labels: union(state.labels, event.labels),
    writeDomains: claimed(state.writeDomains, event),
    inFlight: [...state.inFlight, inFlight(event)],
    previews: mode === "preview" ? countedIn(state.previews, event.at) : state.previews,
    keys: keyed
      ? { ...state.keys, [keyPlace(tool, idempotency)]: { call, seat, operation } }
      : state.keys,
  };
}

function inFlight(event: CallAdmitted & Stamp): InFlight {
  const { call, seat, agent, chain, tool, definition, action, mode, destination } = event;
  const { connector, session, writeDomain, cost, runtimeMs, tokens } = event;
  const { operation, target, idempotency, approval, need, policyVersion } = event;
  return {
    ...{ call, seat, agent, chain, tool, definition, action, mode, destination },
    ...{ connector, session, writeDomain, cost, runtimeMs, tokens },
    ...{ operation, target, idempotency, approval, need, policyVersion },
    ...{ admittedAt: event.at, resent: 0, cancelled: false },
  };
}

/** Against the seat and everybody behind it, in one event: a share is a cap, not a transfer. */
function charged(
  state: WorkflowState,
  seat: string,
  tool: string | null,
  charge: Charge,
): WorkflowState {
  const from = findSeat(state, seat);
  const line = from === undefined ? [] : lineOf(state, from);
  const seats = { ...state.seats };
  for (const one of line) seats[one.id] = { ...one, used: plus(one.used, charge, tool) };
  return { ...state, seats, used: plus(state.used, charge, tool) };
}

/** The reservation becomes what it was in the end; what provably had no effect may be sent again. */
function ended(
  state: WorkflowState,
  call: InFlight,
  final: CallSettled | CallReconciled,
): WorkflowState {
  const charge = {
    calls: final.calls - 1,
    cost: final.cost - call.cost,
    runtimeMs: final.runtimeMs - call.runtimeMs,
    tokens: final.tokens - call.tokens,
  };
  return {
    ...charged(state, call.seat, call.tool, charge),
    writeDomains: final.calls === 0 ? released(state.writeDomains, call) : state.writeDomains,
    keys:
      final.outcome === "failed" || final.code === "approval_stale"
        ? unkeyed(state.keys, call)
        : state.keys,
  };
}

type Claims = WorkflowState["writeDomains"];

function claimed(claims: Claims, { writeDomain, call, critical }: CallAdmitted): Claims {
  if (writeDomain === null) return claims;
  // Own members only: a domain may be called `constructor`.
  const held = Object.hasOwn(claims, writeDomain) ? claims[writeDomain] : undefined;
  const claim = {
    calls: (held?.calls ?? 0) + 1,
    first: held?.first ?? call,
    // For good: another bundle must not unsay what was written under this one (P6).
    critical: critical || held?.critical === true,
  };
  return { ...claims, [writeDomain]: claim };
}

/** A claim sticks whatever the outcome, except where the call provably never left. */
function released(claims: Claims, { writeDomain }: InFlight): Claims {
  if (writeDomain === null || !Object.hasOwn(claims, writeDomain)) return claims;
  const { [writeDomain]: held, ...others } = claims;
  return held!.calls > 1
    ? { ...others, [writeDomain]: { ...held!, calls: held!.calls - 1 } }
    : others;
}

function unkeyed(keys: WorkflowState["keys"], call: InFlight): WorkflowState["keys"] {
  if (call.idempotency === null || call.mode !== "execute") return keys;
  const { [keyPlace(call.tool, call.idempotency)]: _freed, ...others } = keys;
  return others;
}

type Signals = WorkflowState["signals"];

function remembered(signals: Signals, one: Signals[number]): Signals {
  const same = signals.filter(({ signal }) => signal === one.signal);
  const oldest = same.length < MAX_SIGNALS ? null : same[0];
  return [...signals.filter((kept) => kept !== oldest), one];
}

const isPolicyCode = (code: string | null): code is PolicyCode =>
  POLICY_CODES.some((one) => one === code);

function refused(
  { refusals }: WorkflowState,
  event: (CallRefused | SeatRefused) & Stamp,
): WorkflowState["refusals"] {
  const seat = event.type === "call.refused" ? event.seat : event.parent;
  return refusalsAfter(refusals, event.at, seat, denialOf(event));
}

/** Null where no rule said no: a failure, or a question for humans. */
function denialOf(event: { readonly code: string | null }): PolicyCode | null {
  return isPolicyCode(event.code) ? event.code : null;
}

function union(known: readonly string[], more: readonly string[]): readonly string[] {
  const added = more.filter((one) => !known.includes(one));
  return added.length === 0 ? known : [...known, ...added].sort();
}

function without(calls: readonly InFlight[], gone: InFlight): readonly InFlight[] {
  return calls.filter((one) => one !== gone);
}
