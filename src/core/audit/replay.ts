import type { BundleView } from "../model/bundle.ts";
import type { Command } from "../model/command.ts";
import type { WorkflowEvent } from "../model/event.ts";
import { canonical, isObject } from "../model/json.ts";
import type { LockTable } from "../model/lock.ts";
import type { Evaluator } from "../model/policy.ts";
import { APPROVAL_TRAP } from "../session/approval.ts";
import { decide } from "../session/decide.ts";
import type { Decision } from "../session/decision.ts";
import { evolve } from "../session/evolve.ts";
import { NEW_WORKFLOW } from "../session/state.ts";
import { type ChainedEvent, genesis, type Hash, stamp } from "./chain.ts";
import { readEvent, type RecordFault } from "./restore.ts";

export interface ReplaySource {
  readonly tenant: string;
  readonly workflow: string;
  readonly events: readonly ChainedEvent[];
  /** Sealed input of each decision by the number of its event; null where it was erased. */
  readonly inputs: ReadonlyMap<number, string | null>;
  /** The engine and the rules of one policy version, or null where they are not at hand. */
  bundleOf(policyVersion: string): ReplayBundle | null;
  readonly hash: Hash;
  /** The keyed digest of the workflow's inputs, as in `Facts`. */
  mac(text: string): string;
}

export interface ReplayBundle {
  readonly view: BundleView;
  readonly evaluator: Evaluator;
}

export type Replay =
  | { readonly identical: true; readonly events: number; readonly head: string }
  | { readonly identical: false; readonly difference: Difference };

export type Difference = { readonly seq: number } & (
  | { readonly kind: "chain_broken"; readonly fault: RecordFault["fault"] }
  | { readonly kind: "input_missing" }
  | { readonly kind: "input_erased" }
  /** The sealed input is not the one whose keyed digest the event carries. */
  | { readonly kind: "input_changed" }
  /** What the decision needs is not at hand; guessing is not replaying. */
  | { readonly kind: "undeterminable"; readonly policyVersion: string }
  /** The same input decides otherwise now. Names of fields, never their values. */
  | { readonly kind: "decision_differs"; readonly fields: readonly string[] }
  /** Recorded, but the same input records nothing now. */
  | { readonly kind: "event_extra" }
  /** An input was kept, but no event stands at its place. */
  | { readonly kind: "event_missing" }
);

/**
 * P8: decides every input again, from genesis, and compares bytes and hashes. The first difference
 * ends it, because every later decision stands on the state of the earlier ones.
 */
export function replay(source: ReplaySource): Replay {
  const { hash, tenant, workflow } = source;
  let state = NEW_WORKFLOW;
  let head = genesis(hash, tenant, workflow);
  for (const stored of source.events) {
    const seq = state.next;
    const read = readEvent(hash, head, seq, workflow, stored);
    if (!read.ok) return differs({ seq, kind: "chain_broken", fault: read.fault.fault });
    const input = inputAt(source, seq, read.event);
    if ("kind" in input) return differs(input);
    const bundle = source.bundleOf(input.policyVersion);
    if (bundle?.view.digest !== input.policyVersion) {
      return differs({ seq, kind: "undeterminable", policyVersion: input.policyVersion });
    }

    let decision: Decision;
    try {
      const { now, locks } = input;
      const facts = {
        now,
        locks,
        bundle: bundle.view,
        evaluator: evaluatorThen(read.event, bundle.evaluator),
        hash,
        mac: (text: string) => source.mac(text),
      };
      decision = decide(state, input.command, facts, input.text);
    } catch {
      // Only an input that we never wrote makes the decider throw, whoever held the key.
      return differs({ seq, kind: "input_changed" });
    }
    const [body] = decision.events;
    if (body === undefined) return differs({ seq, kind: "event_extra" });
    const event = stamp(body, seq, input.now, workflow);
    if (canonical(event) !== stored.bytes) {
      return differs({ seq, kind: "decision_differs", fields: fieldsApart(event, read.event) });
    }
    state = evolve(state, event);
    head = stored.hash;
  }
  const [orphan] = [...source.inputs.keys()]
    .filter((seq) => seq >= state.next)
    .sort((a, b) => a - b);
  if (orphan !== undefined) return differs({ seq: orphan, kind: "event_missing" });
  return { identical: true, events: state.next, head };
}

/**
 * An engine that gave no answer is a fact of its moment, which no bundle holds: where the record says
 * so, it gives none again. Whatever else was decided before it is still decided anew.
 */
function evaluatorThen(event: WorkflowEvent, evaluator: Evaluator): Evaluator {
  if (event.type === "call.refused" && event.code === "policy_unavailable") {
    return { ...evaluator, evaluate: trap };
  }
  if (event.type === "approval.refused" && event.ruleIds.includes(APPROVAL_TRAP)) {
    // Who may give a kind is asked first; then what this human may see.
    return event.code === "may_not_see"
      ? { authorize: (question) => evaluator.authorize(question), evaluate: trap }
      : { ...evaluator, authorize: trap };
  }
  return evaluator;
}

function trap(): never {
  throw new Error("as it was recorded");
}

interface Input {
  readonly text: string;
  readonly command: Command;
  readonly now: number;
  readonly policyVersion: string;
  readonly locks: LockTable | null;
}

function inputAt(source: ReplaySource, seq: number, event: WorkflowEvent): Input | Difference {
  const text = source.inputs.get(seq);
  if (text === undefined) return { seq, kind: "input_missing" };
  if (text === null) return { seq, kind: "input_erased" };
  if (source.mac(text) !== event.input) return { seq, kind: "input_changed" };
  return parseInput(text) ?? { seq, kind: "input_changed" };
}

/** Written by `inputOf`, which the keyed digest proves; only its outline is looked at again. */
function parseInput(text: string): Input | null {
  let input: unknown;
  try {
    // Not parseStrict: around arguments of the greatest depth the input is deeper than that.
    input = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(input)) return null;
  const { command, facts } = input;
  if (!isObject(command) || !isObject(facts)) return null;
  const { now, policyVersion, locks } = facts;
  if (typeof now !== "number" || typeof policyVersion !== "string" || locks === undefined)
    return null;
  return {
    text,
    command: command as unknown as Command,
    now,
    policyVersion,
    locks: locks as LockTable | null,
  };
}

function fieldsApart(decided: WorkflowEvent, recorded: WorkflowEvent): readonly string[] {
  const left: { readonly [field: string]: unknown } = { ...decided };
  const right: { readonly [field: string]: unknown } = { ...recorded };
  return [...new Set([...Object.keys(left), ...Object.keys(right)])]
    .filter(
      (field) =>
        left[field] === undefined ||
        right[field] === undefined ||
        canonical(left[field]) !== canonical(right[field]),
    )
    .sort();
}

function differs(difference: Difference): Replay {
  return { identical: false, difference };
}
