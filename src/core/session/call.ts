import type { Tool } from "../model/bundle.ts";
import type { CallCommand } from "../model/command.ts";
import type { ClassRules } from "../model/event.ts";
import type { FailureCode, PolicyCode } from "../model/outcome.ts";
import type { PolicyClass } from "../model/policy.ts";
import { charge, exhausted } from "./budget.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { BUSY_RETRY_MS, MAX_IN_FLIGHT, MAX_REFUSALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { lockRules } from "./locks.ts";
import { judge } from "./judge.ts";
import { findCall, type Seat, type WorkflowState } from "./state.ts";

/**
 * Admission, in one synchronous turn: state, seat, locks, tool, arguments, reservation, the four
 * policy classes, presenter. The first that says no decides; whatever is unknown says no (P2).
 */
export function decideCall(
  state: WorkflowState,
  command: CallCommand,
  facts: Facts,
  input: string,
): Decision {
  if (state.status === "new") return IGNORED;
  // Two reservations under one id would be released as one.
  if (findCall(state.inFlight, command.call) ?? findCall(state.unknown, command.call))
    return IGNORED;
  const windowEnd = state.refusals.since + REFUSAL_WINDOW_MS;
  if (state.refusals.count >= MAX_REFUSALS && facts.now < windowEnd) {
    const retryAfterMs = windowEnd - facts.now;
    return unrecorded({ kind: "failed", code: "rate_limited", retryAfterMs });
  }
  if (state.inFlight.length >= MAX_IN_FLIGHT) {
    return unrecorded({ kind: "failed", code: "busy", retryAfterMs: BUSY_RETRY_MS });
  }

  const seat = Object.hasOwn(state.seats, command.seat) ? state.seats[command.seat] : undefined;
  const tool = facts.bundle.tool(command.tool);
  const refusal = new Refusal(command, facts, input, seat, tool);

  if (state.status === "closed") return refusal.denied("workflow_closed", ["core:workflow"]);
  if (facts.now >= state.expiresAt) return refusal.denied("workflow_expired", ["core:workflow"]);
  if (seat === undefined || facts.now >= seat.expiresAt) {
    return refusal.denied("seat_unknown", ["core:seat"]);
  }
  if (facts.locks === null) return refusal.failed("locks_unavailable");
  const locked = lockRules(facts.locks, {
    tenant: state.tenant,
    human: state.human,
    agent: seat.agent,
    key: seat.jkt,
    workflow: state.workflow,
    tool: command.tool,
    bundle: facts.bundle.digest,
    ...(tool && { destination: tool.destination }),
    ...(command.presenter && { connector: command.presenter.connector }),
  });
  if (locked.length > 0) return refusal.denied("locked", locked);
  if (tool === undefined || command.shaped === null) {
    return refusal.denied("unknown_tool", ["core:tool"]);
  }
  if (!seat.tools.includes(tool.id)) return refusal.denied("tool_not_granted", ["core:seat"]);
  if (!command.shaped.ok) return refusal.failed("invalid_arguments");

  const after = charge(state.used, tool);
  const over = exhausted(after, state.limits);
  if (over !== null) return refusal.denied("budget_exhausted", [over], "budget");

  const judged = judge(state, seat, tool, after, command.shaped.policyArguments, facts.evaluator);
  if (judged.kind === "trap") return refusal.failed("policy_unavailable");
  if (judged.kind === "denied") {
    return refusal.denied(judged.code, judged.ruleIds, judged.policyClass, judged.rules);
  }
  if (command.presenter === null) return refusal.failed("connector_unavailable", judged.rules);

  return {
    events: [
      {
        type: "call.admitted",
        call: command.call,
        seat: seat.id,
        agent: seat.agent,
        tool: tool.id,
        definition: tool.definition,
        action: tool.action,
        destination: tool.destination,
        policyVersion: facts.bundle.digest,
        rules: judged.rules,
        plan: judged.plan,
        labels: tool.labels,
        writeDomain: tool.writeDomain ?? null,
        cost: tool.cost,
        runtimeMs: tool.timeoutMs,
        txn: command.txn,
        connector: command.presenter.connector,
        session: command.presenter.session,
        lockEpoch: facts.locks.epoch,
        input,
      },
    ],
    result: { kind: "admitted", plan: judged.plan },
  };
}

/** One refused call: the event and the result say the same. */
class Refusal {
  readonly #command: CallCommand;
  readonly #facts: Facts;
  readonly #input: string;
  readonly #seat: Seat | undefined;
  readonly #tool: Tool | undefined;

  constructor(
    command: CallCommand,
    facts: Facts,
    input: string,
    seat: Seat | undefined,
    tool: Tool | undefined,
  ) {
    this.#command = command;
    this.#facts = facts;
    this.#input = input;
    this.#seat = seat;
    this.#tool = tool;
  }

  denied(
    code: PolicyCode,
    ruleIds: readonly string[],
    policyClass: PolicyClass | null = null,
    rules: ClassRules = {},
  ): Decision {
    return {
      events: [this.#event("policy_denied", code, policyClass, ruleIds, rules)],
      result: { kind: "denied", code, policyClass, ruleIds },
    };
  }

  failed(code: FailureCode, rules: ClassRules = {}): Decision {
    return {
      events: [this.#event("failed", code, null, [], rules)],
      result: { kind: "failed", code },
    };
  }

  #event(
    outcome: "policy_denied" | "failed",
    code: PolicyCode | FailureCode,
    policyClass: PolicyClass | null,
    ruleIds: readonly string[],
    rules: ClassRules,
  ) {
    return {
      type: "call.refused" as const,
      call: this.#command.call,
      seat: this.#seat?.id ?? "",
      agent: this.#seat?.agent ?? "",
      // An invented tool name is agent-controlled text: it stays in the sealed input (P10).
      tool: this.#tool?.id ?? null,
      outcome,
      code,
      policyClass,
      policyVersion: this.#facts.bundle.digest,
      ruleIds,
      rules,
      input: this.#input,
    };
  }
}
