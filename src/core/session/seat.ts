import type { DelegationEdge } from "../model/bundle.ts";
import type { SeatCommand, Subject } from "../model/command.ts";
import type { PolicyCode } from "../model/outcome.ts";
import type { SignalCode } from "../model/signal.ts";
import { capsKnown, shrink, soundNumbers } from "./budget.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_FAN_OUT, MAX_HOPS, MAX_SEATS, MAX_SEATS_EVER } from "./limits.ts";
import { lineLocks, lockRules } from "./locks.ts";
import { burstsOf } from "./signal.ts";
import {
  chainOf,
  findCall,
  findSeat,
  lineLives,
  lineOf,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "./state.ts";
import { refusalsWait } from "./window.ts";

/**
 * A sub-agent's place in the same workflow: tools, caps and life only shrink, and everything it does
 * is charged to all who stand behind it. A share is a cap, not a transfer.
 */
export function decideSeat(
  state: WorkflowState,
  command: SeatCommand,
  facts: Facts,
  input: string,
): Decision {
  if (state.status === "new" || findSeat(state, command.seat) !== undefined) return IGNORED;
  const giver = findSeat(state, command.parent);
  const retryAfterMs = refusalsWait(state.refusals, giver, facts.now);
  if (retryAfterMs > 0) return unrecorded({ kind: "failed", code: "rate_limited", retryAfterMs });
  const line = giver === undefined ? [] : lineOf(state, giver);
  const refused = (code: PolicyCode, ...ruleIds: readonly string[]): Decision => ({
    events: [
      {
        type: "seat.refused",
        parent: giver?.id ?? "",
        agent: facts.bundle.agents.includes(command.agent) ? command.agent : "",
        chain: giver === undefined ? [] : chainOf(state, giver),
        code,
        policyVersion: facts.bundle.digest,
        ruleIds,
        input,
      },
    ],
    result: { kind: "denied", code, policyClass: null, ruleIds },
    signals: burstsOf(state, facts.now, code, giver, null),
  });

  if (state.status === "closed") return refused("workflow_closed", "core:workflow");
  if (facts.now >= state.expiresAt) return refused("workflow_expired", "core:workflow");
  if (giver === undefined || !lineLives(state, line, facts.now)) {
    return refused("seat_unknown", "core:seat");
  }
  if (facts.locks === null) return unrecorded({ kind: "failed", code: "locks_unavailable" });
  const locked = [
    ...lineLocks(facts.locks, state, line, { bundle: facts.bundle.digest }),
    ...lockRules(facts.locks, { agent: command.agent, key: command.jkt }),
  ];
  if (locked.length > 0) return refused("locked", ...[...new Set(locked)].sort());

  const obstacle = obstacleOf(state, command, giver, line, facts);
  if (obstacle !== null) {
    const code = obstacle === "core:tenant" ? "cross_tenant_context" : "delegation_denied";
    const decision = refused(code, obstacle);
    const signal = suspicionOf(state, command, obstacle, facts);
    if (signal === null) return decision;
    const { call } = command;
    const raised = {
      type: "signal",
      signal,
      seat: giver.id,
      call,
      subject: proven(command),
    } as const;
    return { ...decision, signals: [...(decision.signals ?? []), raised] };
  }
  const edge = facts.bundle.delegations.find((one) => covers(one, command, giver));
  if (edge === undefined) return refused("delegation_denied", "default:delegation");
  const tools =
    command.tools === undefined ? toolsOf(edge, giver) : [...new Set(command.tools)].sort();
  if (!capsKnown(command.limits, tools)) return refused("delegation_denied", "core:limits");
  const seat: Seat = {
    id: command.seat,
    agent: command.agent,
    jkt: command.jkt,
    parent: giver.id,
    depth: giver.depth + 1,
    tools,
    limits: shrink(shrink(giver.limits, edge.limits), command.limits),
    used: NOTHING_USED,
    expiresAt: Math.min(
      giver.expiresAt,
      facts.now + Math.min(command.lifeMs ?? edge.maxLifeMs, edge.maxLifeMs),
    ),
    lockEpoch: facts.locks.epoch,
    call: command.call,
  };
  return {
    events: [
      {
        type: "seat.granted",
        seat: seat.id,
        parent: giver.id,
        agent: seat.agent,
        jkt: seat.jkt,
        chain: [seat.agent, ...chainOf(state, giver)],
        tools,
        limits: seat.limits,
        expiresAt: seat.expiresAt,
        policyVersion: facts.bundle.digest,
        ruleIds: [`delegation:${edge.id}`],
        call: seat.call,
        lockEpoch: seat.lockEpoch,
        input,
      },
    ],
    result: { kind: "granted", seat },
  };
}

/** Caps and shapes that no trust opens; null: none is in the way. */
function obstacleOf(
  state: WorkflowState,
  command: SeatCommand,
  giver: Seat,
  line: readonly Seat[],
  { bundle }: Facts,
): string | null {
  const seats = Object.values(state.seats);
  if (command.key === "other_tenant") return "core:tenant";
  if (!soundNumbers(command.lifeMs, command.limits)) return "core:limits";
  // A → B → A: a loop that nobody stands behind.
  if (line.some((one) => one.agent === command.agent)) return "core:cycle";
  if (
    command.key === "other_agent" ||
    seats.some((one) => one.jkt === command.jkt && one.agent !== command.agent)
  ) {
    return "core:key";
  }
  if (giver.depth + 1 > MAX_HOPS) return "core:hops";
  // Those that ran out count, or short ones would be a bomb; those of calls that are over do not.
  const given = seats.filter((one) => lineLives(state, lineOf(state, one), 0));
  if (given.length >= MAX_SEATS || seats.length >= MAX_SEATS_EVER) return "core:seats";
  if (given.filter((one) => one.parent === giver.id).length >= MAX_FAN_OUT) return "core:fan-out";
  if (command.call === null) return null;
  const call = findCall(state.inFlight, command.call);
  if (call?.seat !== giver.id || call.mode !== "execute") return "core:call";
  // Whoever found a call token on the wire is not the agent that the tool is.
  if (bundle.tool(call.tool)?.agent !== command.agent) return "core:call";
  return seats.some((one) => one.call === command.call) ? "core:call" : null;
}

/** What is not only denied, but suspicious; null: it may have been an honest try. */
function suspicionOf(
  state: WorkflowState,
  command: SeatCommand,
  obstacle: string,
  { bundle }: Facts,
): SignalCode | null {
  if (obstacle === "core:tenant" || obstacle === "core:key") return "key_shared";
  if (obstacle !== "core:call" || command.call === null) return null;
  const call = findCall(state.inFlight, command.call);
  // It has ended meanwhile: its tool was slow.
  if (call === undefined) return null;
  const own = bundle.tool(call.tool)?.agent === command.agent;
  const again = Object.values(state.seats).some((one) => one.call === command.call);
  return own && again ? "token_replayed" : "context_mismatch";
}

/**
 * For a call the taker proved the key. From a giver the key is only named, by the taker's signature:
 * a lock on it would be a weapon against its owner, so the agent that signed is all there is to lock.
 */
function proven({ call, agent, jkt }: SeatCommand): Subject {
  return call === null ? { target: "agent", value: agent } : { target: "key", value: jkt };
}

function covers(edge: DelegationEdge, command: SeatCommand, giver: Seat): boolean {
  const granted = toolsOf(edge, giver);
  return (
    edge.from.includes(giver.agent) &&
    edge.to.includes(command.agent) &&
    (command.tools ?? []).every((tool) => granted.includes(tool))
  );
}

/** Never more than the giver has. */
function toolsOf(edge: DelegationEdge, giver: Seat): readonly string[] {
  return edge.tools.includes("*")
    ? giver.tools
    : giver.tools.filter((tool) => edge.tools.includes(tool));
}
