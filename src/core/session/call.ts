import type { Tool } from "../model/bundle.ts";
import type { CallCommand, Shaped, SignalCommand } from "../model/command.ts";
import type { ApprovalNeed, ClassRules } from "../model/event.ts";
import { hasEffect, type RedactionPlan } from "../model/policy.ts";
import { ask, findApproval, findRejection, mayAsk, stillHolds, type Subject } from "./approval.ts";
import { chargeOf, exhausted, plus } from "./budget.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { needOf, planDigest } from "./hypothesis.ts";
import { carriedOut, duplicateOf } from "./idempotency.ts";
import { type Case, disclosures, judge, type Judgement } from "./judge.ts";
import { BUSY_RETRY_MS, MAX_IN_FLIGHT, MAX_PREVIEWS } from "./limits.ts";
import { approverLocks, lineLocks } from "./locks.ts";
import { Refusal } from "./refusal.ts";
import {
  type Approval,
  chainOf,
  findCall,
  findSeat,
  lineLives,
  lineOf,
  type Seat,
  type WorkflowState,
} from "./state.ts";
import { refusalsWait, waitFor } from "./window.ts";

type Fit = Extract<Shaped, { ok: true }>;

/**
 * Admission, in one synchronous turn: state, seat, locks, tool, arguments, what was sent before,
 * reservation, the four policy classes, approval, presenter. The first that says no decides;
 * whatever is unknown says no (P2).
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
  const seat = findSeat(state, command.seat);
  const retryAfterMs = refusalsWait(state.refusals, seat, facts.now);
  if (retryAfterMs > 0) return unrecorded({ kind: "failed", code: "rate_limited", retryAfterMs });
  if (state.inFlight.length >= MAX_IN_FLIGHT) {
    return unrecorded({ kind: "failed", code: "busy", retryAfterMs: BUSY_RETRY_MS });
  }

  const tool = facts.bundle.tool(command.tool);
  const refusal = new Refusal(state, command, facts, input, seat, tool);

  if (state.status === "closed") return refusal.denied("workflow_closed", ["core:workflow"]);
  if (facts.now >= state.expiresAt) return refusal.denied("workflow_expired", ["core:workflow"]);
  const line = seat === undefined ? [] : lineOf(state, seat);
  if (seat === undefined || !lineLives(state, line, facts.now)) {
    return refusal.denied("seat_unknown", ["core:seat"]);
  }
  if (facts.locks === null) return refusal.failed("locks_unavailable");
  const locked = lineLocks(facts.locks, state, line, {
    tool: command.tool,
    bundle: facts.bundle.digest,
    ...(tool && { definition: tool.definition, destination: tool.destination }),
    ...(command.presenter && { connector: command.presenter.connector }),
  });
  if (locked.length > 0) return refusal.denied("locked", locked);
  const { shaped } = command;
  if (tool === undefined || shaped === null) return refusal.denied("unknown_tool", ["core:tool"]);

  let decision: Decision;
  if (!seat.tools.includes(tool.id)) {
    decision = refusal.denied("tool_not_granted", ["core:seat"]);
  } else if (!tool.reviewed) {
    decision = refusal.denied("tool_unreviewed", ["core:review"]);
  } else if (!shaped.ok) {
    decision = refusal.failed("invalid_arguments");
  } else {
    decision = new Request(
      ...([state, command, facts, input, refusal, seat, line, tool, shaped] as const),
    ).decide();
  }
  // Whoever feels for a trap with wrong arguments has touched it, too. A call that joins another
  // raised its signal with that one: a loop of them must not fill the disk.
  if (!tool.canary || decision.events.length === 0) return decision;
  return { ...decision, signals: [...(decision.signals ?? []), canaryTouched(command, seat)] };
}

/** Whoever calls a trap holds this seat's key: its agent is what the evidence authenticates. */
function canaryTouched(command: CallCommand, seat: Seat): SignalCommand {
  return {
    type: "signal",
    signal: "canary_tool",
    seat: seat.id,
    call: command.call,
    subject: { target: "agent", value: seat.agent },
  };
}

/** A call of a living seat with a tool of its own and arguments that fit. */
class Request {
  readonly #state: WorkflowState;
  readonly #command: CallCommand;
  readonly #facts: Facts;
  readonly #input: string;
  readonly #refusal: Refusal;
  readonly #seat: Seat;
  readonly #line: readonly Seat[];
  readonly #tool: Tool;
  readonly #shaped: Fit;
  /** Null: nothing of this bundle has to know the call again. */
  readonly #subject: Subject | null;

  constructor(
    state: WorkflowState,
    command: CallCommand,
    facts: Facts,
    input: string,
    refusal: Refusal,
    seat: Seat,
    line: readonly Seat[],
    tool: Tool,
    shaped: Fit,
  ) {
    this.#state = state;
    this.#command = command;
    this.#facts = facts;
    this.#input = input;
    this.#refusal = refusal;
    this.#seat = seat;
    this.#line = line;
    this.#tool = tool;
    this.#shaped = shaped;
    this.#subject = subjectOf(command, facts, seat, tool, shaped);
  }

  decide(): Decision {
    const [state, tool, refusal] = [this.#state, this.#tool, this.#refusal];
    const subject = this.#subject;
    const effect = hasEffect(tool.action);
    if (state.readOnly && effect) return refusal.denied("read_only", ["core:containment"]);
    if (effect && subject === null) return refusal.failed("internal_error");
    let approval: Approval | undefined;
    if (subject !== null) {
      approval = findApproval(state, subject, this.#facts.bundle.digest, this.#facts.now);
      const duplicate = effect
        ? duplicateOf(state, subject, approval, this.#facts)
        : carriedOut(approval);
      if (duplicate?.kind === "unknown") {
        return refusal.denied("effect_unknown", ["core:idempotency"], {
          blockedBy: duplicate.call,
        });
      }
      if (duplicate !== null) return unrecorded(duplicate);
      const rejected = findRejection(state, tool.id, subject.target, this.#facts.now);
      if (rejected !== undefined) {
        return refusal.denied("approval_rejected", ["core:approval"], { blockedBy: rejected.id });
      }
    }
    const other = this.#otherCriticalDomain();
    if (other !== null) {
      return refusal.denied("critical_domain_taken", ["core:write-domain"], { blockedBy: other });
    }
    if (approval?.status === "pending") {
      return unrecorded({ kind: "waiting", approval: approval.id });
    }
    return this.#judged(approval?.status === "approved" ? approval : undefined);
  }

  /** P6: the call that claimed another critical domain. */
  #otherCriticalDomain(): string | null {
    const { critical, writeDomain } = this.#tool;
    if (!critical) return null;
    const [first] = Object.entries(this.#state.writeDomains).filter(
      ([domain, claim]) => claim.critical && domain !== writeDomain,
    );
    return first?.[1].first ?? null;
  }

  #judged(approval: Approval | undefined): Decision {
    const [tool, facts, refusal, subject] = [this.#tool, this.#facts, this.#refusal, this.#subject];
    const charge = chargeOf(tool, this.#line);
    for (const seat of this.#line) {
      const over = exhausted(plus(seat.used, charge, tool.id), seat.limits, tool.id);
      if (over !== null)
        return refusal.denied("budget_exhausted", [over], { policyClass: "budget" });
    }
    const one: Case = {
      state: this.#state,
      seat: this.#seat,
      tool,
      after: plus(this.#state.used, charge, tool.id),
      policyArguments: this.#shaped.policyArguments,
      sources: this.#shaped.sources,
      ...(this.#shaped.named && { named: this.#shaped.named }),
      evaluator: facts.evaluator,
    };
    const judged = judge(one, approval?.kinds ?? []);
    if (judged.kind === "trap") return refusal.failed("policy_unavailable");
    if (judged.kind === "allowed") {
      if (approval === undefined || subject === null) return this.#admitted(judged, null);
      // An approval never grants: everything was evaluated again, and must be what was shown.
      const plan = planDigest(facts.hash, judged.plan);
      const revoked = approverLocks(facts.locks, approval.given);
      return revoked.length === 0 && stillHolds(facts, this.#state, approval, subject, plan)
        ? this.#admitted(judged, approval)
        : refusal.denied("approval_stale", ["core:approval", ...revoked], {
            blockedBy: approval.id,
          });
    }
    const needed =
      approval === undefined && subject !== null
        ? needOf(one, judged, facts.bundle.approvalKinds, facts.hash)
        : null;
    if (needed === "trap") return refusal.failed("policy_unavailable");
    if (needed === null || subject === null) {
      const { code, ruleIds, policyClass, rules } = judged;
      return refusal.denied(code, ruleIds, { policyClass, rules });
    }
    return this.#asked(one, subject, needed.need, needed.allowed.rules);
  }

  /** With a preview where the tool has one; without, the operation itself is what humans see. */
  #asked(one: Case, subject: Subject, need: ApprovalNeed, rules: ClassRules): Decision {
    const [state, facts, tool] = [this.#state, this.#facts, this.#tool];
    if (!mayAsk(state, facts.now)) {
      return this.#refusal.denied("approvals_exhausted", ["core:approval"]);
    }
    const named = { ...need, id: this.#command.approval };
    if (tool.preview === null) {
      const asked = ask(state, facts, facts.bundle.digest, subject, named, null);
      const { definition, operation, target, idempotency } = subject;
      return this.#refusal.asked({ ...asked, definition, operation, target, idempotency }, rules);
    }
    const retryAfterMs = waitFor(state.previews, MAX_PREVIEWS, facts.now);
    if (retryAfterMs > 0) return unrecorded({ kind: "failed", code: "rate_limited", retryAfterMs });
    let plan: RedactionPlan;
    try {
      plan = disclosures(one, tool.preview);
    } catch {
      return this.#refusal.failed("policy_unavailable");
    }
    return this.#admission("preview", { rules, plan }, null, named);
  }

  #admitted(judged: Extract<Judgement, { kind: "allowed" }>, approval: Approval | null): Decision {
    return this.#admission("execute", judged, approval, null);
  }

  #admission(
    mode: "preview" | "execute",
    { rules, plan }: Pick<Extract<Judgement, { kind: "allowed" }>, "rules" | "plan">,
    approval: Approval | null,
    need: (ApprovalNeed & { readonly id: string }) | null,
  ): Decision {
    const [command, tool, seat, facts, subject] = [
      this.#command,
      this.#tool,
      this.#seat,
      this.#facts,
      this.#subject,
    ];
    if (command.presenter === null) return this.#refusal.failed("connector_unavailable", rules);
    const charge = chargeOf(tool, this.#line);
    return {
      events: [
        {
          type: "call.admitted",
          call: command.call,
          seat: seat.id,
          agent: seat.agent,
          chain: chainOf(this.#state, seat),
          mode,
          tool: tool.id,
          definition: tool.definition,
          action: tool.action,
          destination: tool.destination,
          network: tool.place.network,
          tier: tool.place.tier,
          policyVersion: facts.bundle.digest,
          rules,
          plan,
          labels: tool.labels,
          writeDomain: mode === "execute" ? (tool.writeDomain ?? null) : null,
          critical: mode === "execute" && tool.critical,
          cost: charge.cost,
          runtimeMs: charge.runtimeMs,
          tokens: charge.tokens,
          operation: subject?.operation ?? null,
          target: subject?.target ?? null,
          idempotency: subject?.idempotency ?? null,
          sources: this.#shaped.sources,
          approval: approval?.id ?? null,
          preview: previewOf(command, mode, approval),
          need,
          txn: command.txn,
          connector: command.presenter.connector,
          session: command.presenter.session,
          lockEpoch: facts.locks?.epoch ?? 0,
          input: this.#input,
        },
      ],
      result: { kind: "admitted", mode, plan, approval: approval?.id ?? null },
    };
  }
}

/** What was approved is what runs; without an approval, what the caller says has to happen. */
function previewOf(
  command: CallCommand,
  mode: "preview" | "execute",
  approval: Approval | null,
): string | null {
  if (mode === "preview") return null;
  return approval === null ? (command.expects ?? null) : approval.preview;
}

function subjectOf(
  command: CallCommand,
  facts: Facts,
  seat: Seat,
  tool: Tool,
  shaped: Fit,
): Subject | null {
  if (shaped.operation === null) return null;
  const { idempotencyKey } = command;
  return {
    seat: seat.id,
    tool: tool.id,
    definition: tool.definition,
    // What a service is asked could be tried out against its digest (P10).
    operation: facts.mac(`operation\n${shaped.operation}`),
    target: facts.mac(`target\n${shaped.target}`),
    idempotency: idempotencyKey === null ? null : facts.mac(`idempotency\n${idempotencyKey}`),
  };
}
