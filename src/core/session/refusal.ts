import type { Tool } from "../model/bundle.ts";
import type { CallCommand } from "../model/command.ts";
import type { ApprovalAsked, ApprovalSubject, CallRefused, ClassRules } from "../model/event.ts";
import type { FailureCode, PolicyCode } from "../model/outcome.ts";
import type { PolicyClass } from "../model/policy.ts";
import type { Decision } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { burstsOf } from "./signal.ts";
import { chainOf, type Seat, type WorkflowState } from "./state.ts";

interface More {
  readonly policyClass?: PolicyClass;
  readonly rules?: ClassRules;
  readonly blockedBy?: string;
}

/** One refused call: the event and the result say the same. */
export class Refusal {
  readonly #state: WorkflowState;
  readonly #command: CallCommand;
  readonly #facts: Facts;
  readonly #input: string;
  readonly #seat: Seat | undefined;
  readonly #tool: Tool | undefined;

  constructor(
    state: WorkflowState,
    command: CallCommand,
    facts: Facts,
    input: string,
    seat: Seat | undefined,
    tool: Tool | undefined,
  ) {
    this.#state = state;
    this.#command = command;
    this.#facts = facts;
    this.#input = input;
    this.#seat = seat;
    this.#tool = tool;
  }

  denied(code: PolicyCode, ruleIds: readonly string[], more: More = {}): Decision {
    const { policyClass = null, rules = {}, blockedBy } = more;
    const fields = { policyClass, ruleIds, rules, blockedBy: blockedBy ?? null };
    return {
      events: [this.#event({ outcome: "policy_denied", code, ...fields })],
      result: {
        kind: "denied",
        code,
        policyClass,
        ruleIds,
        ...(blockedBy !== undefined && { blockedBy }),
      },
      signals: burstsOf(this.#state, this.#facts.now, code, this.#seat, this.#command.call),
    };
  }

  failed(code: FailureCode, rules: ClassRules = {}): Decision {
    return {
      events: [this.#event({ outcome: "failed", code, rules })],
      result: { kind: "failed", code },
    };
  }

  asked(approval: ApprovalAsked & ApprovalSubject, rules: ClassRules): Decision {
    return {
      events: [
        this.#event({
          outcome: "human_approval_required",
          code: null,
          ruleIds: approval.ruleIds,
          rules,
          approval,
        }),
      ],
      result: { kind: "asked", approval: approval.id },
    };
  }

  #event(more: Pick<CallRefused, "outcome" | "code"> & Partial<CallRefused>): CallRefused {
    const seat = this.#seat;
    return {
      type: "call.refused",
      call: this.#command.call,
      seat: seat?.id ?? "",
      agent: seat?.agent ?? "",
      chain: seat === undefined ? [] : chainOf(this.#state, seat),
      // An invented tool name is agent-controlled text: it stays in the sealed input (P10).
      tool: this.#tool?.id ?? null,
      policyClass: null,
      policyVersion: this.#facts.bundle.digest,
      ruleIds: [],
      rules: {},
      blockedBy: null,
      approval: null,
      ...more,
      input: this.#input,
    };
  }
}
