import type { CallAdmitted, CallReconciled, CallSettled, WorkflowEvent } from "../model/event.ts";
import { findCall, type InFlight, type Usage, type WorkflowState } from "./state.ts";
import { REFUSAL_WINDOW_MS } from "./limits.ts";

/** The only way state changes. */
export function evolve(state: WorkflowState, event: WorkflowEvent): WorkflowState {
  const next = { ...state, next: event.seq + 1 };
  switch (event.type) {
    case "workflow.opened":
      return {
        ...next,
        status: "open",
        tenant: event.tenant,
        workflow: event.workflow,
        human: event.human,
        agent: event.agent,
        purpose: event.purpose,
        trust: event.ruleIds[0]?.slice("trust:".length) ?? "",
        limits: event.limits,
        expiresAt: event.expiresAt,
        keyDigest: event.keyDigest,
        seats: {
          [event.seat]: {
            id: event.seat,
            agent: event.agent,
            jkt: event.jkt,
            parent: null,
            depth: 0,
            tools: event.tools,
            expiresAt: event.expiresAt,
          },
        },
      };
    case "call.admitted":
      return {
        ...next,
        used: plus(state.used, 1, event.cost, event.runtimeMs),
        labels: union(state.labels, event.labels),
        writeDomains: claim(state.writeDomains, event.writeDomain, 1),
        inFlight: [...state.inFlight, inFlight(event)],
      };
    case "call.settled": {
      const call = findCall(state.inFlight, event.call);
      if (call === undefined) return next;
      return {
        ...next,
        used: settle(state.used, call, event),
        writeDomains: release(state.writeDomains, call, event),
        inFlight: without(state.inFlight, call),
        unknown:
          event.outcome === "outcome_unknown"
            ? [...state.unknown, { ...call, cost: event.cost, runtimeMs: event.runtimeMs }]
            : state.unknown,
      };
    }
    case "call.reconciled": {
      const call = findCall(state.unknown, event.call);
      if (call === undefined) return next;
      return {
        ...next,
        used: settle(state.used, call, event),
        writeDomains: release(state.writeDomains, call, event),
        unknown: without(state.unknown, call),
      };
    }
    case "call.refused":
      return {
        ...next,
        refusals:
          event.at - state.refusals.since >= REFUSAL_WINDOW_MS
            ? { since: event.at, count: 1 }
            : { since: state.refusals.since, count: state.refusals.count + 1 },
      };
    case "seat.renewed":
    case "checkpoint.saved":
      return next;
    case "workflow.closed":
      return { ...next, status: "closed" };
  }
}

function inFlight(event: CallAdmitted): InFlight {
  return {
    call: event.call,
    seat: event.seat,
    agent: event.agent,
    tool: event.tool,
    action: event.action,
    destination: event.destination,
    connector: event.connector,
    session: event.session,
    writeDomain: event.writeDomain,
    cost: event.cost,
    runtimeMs: event.runtimeMs,
    policyVersion: event.policyVersion,
  };
}

function settle(used: Usage, reserved: InFlight, final: CallSettled | CallReconciled): Usage {
  return plus(
    used,
    final.calls - 1,
    final.cost - reserved.cost,
    final.runtimeMs - reserved.runtimeMs,
  );
}

function plus(used: Usage, calls: number, cost: number, runtimeMs: number): Usage {
  return {
    calls: used.calls + calls,
    cost: used.cost + cost,
    runtimeMs: used.runtimeMs + runtimeMs,
  };
}

type Claims = WorkflowState["writeDomains"];

function claim(claims: Claims, domain: string | null, by: 1 | -1): Claims {
  if (domain === null) return claims;
  // Own members only: a domain may be called `constructor`.
  const held = (Object.hasOwn(claims, domain) ? claims[domain]! : 0) + by;
  if (held > 0) return { ...claims, [domain]: held };
  const { [domain]: _released, ...others } = claims;
  return others;
}

/** A claim sticks whatever the outcome, except where the call provably never left. */
function release(claims: Claims, call: InFlight, final: CallSettled | CallReconciled): Claims {
  return final.calls === 0 ? claim(claims, call.writeDomain, -1) : claims;
}

function union(known: readonly string[], more: readonly string[]): readonly string[] {
  const added = more.filter((one) => !known.includes(one));
  return added.length === 0 ? known : [...known, ...added].sort();
}

function without(calls: readonly InFlight[], gone: InFlight): readonly InFlight[] {
  return calls.filter((one) => one !== gone);
}
