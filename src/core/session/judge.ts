import type { Tool } from "../model/bundle.ts";
import type { ArgumentSources } from "../model/command.ts";
import type { ClassRules } from "../model/event.ts";
import type { JsonObject } from "../model/json.ts";
import type { PolicyCode } from "../model/outcome.ts";
import type {
  Answer,
  Disclosure,
  Evaluator,
  PolicyClass,
  Question,
  RedactionPlan,
} from "../model/policy.ts";
import { POLICY_CLASSES } from "../model/policy.ts";
import { chainOf, type Seat, type Usage, type WorkflowState } from "./state.ts";

export type Judgement =
  | { readonly kind: "allowed"; readonly rules: ClassRules; readonly plan: RedactionPlan }
  | {
      readonly kind: "denied";
      readonly code: PolicyCode;
      readonly policyClass: PolicyClass;
      readonly ruleIds: readonly string[];
      readonly rules: ClassRules;
      readonly plan: RedactionPlan;
    }
  | { readonly kind: "trap" };

interface Verdict {
  readonly allow: boolean;
  readonly failed: boolean;
  readonly ruleIds: readonly string[];
}

const CODES = {
  network: "network_denied",
  action: "action_denied",
  data: "data_denied",
  budget: "budget_denied",
} as const satisfies Record<PolicyClass, PolicyCode>;

/** Everything about one call that its policies are asked about. */
export interface Case {
  readonly state: WorkflowState;
  readonly seat: Seat;
  readonly tool: Tool;
  /** Counters as they would be with this call admitted. */
  readonly after: Usage;
  readonly policyArguments: JsonObject;
  readonly sources: ArgumentSources;
  /** See `Shaped`. */
  readonly named?: readonly string[];
  readonly evaluator: Evaluator;
}

/**
 * Asks all four classes, always: evidence of a call is complete whichever class denied it. Only
 * action and data see which kinds of approval are given: a human cannot open a network or a budget.
 */
export function judge(one: Case, approvals: readonly string[]): Judgement {
  const { seat, tool, evaluator } = one;
  const context = contextOf(one);
  const approved = approvals.length === 0 ? context : { ...context, approvals };
  const ask = (
    policyClass: PolicyClass,
    action: Question["action"],
    type: Question["resource"]["type"],
    id: string,
  ): Verdict =>
    verdict(
      policyClass,
      evaluator.evaluate({
        policyClass,
        action,
        principal: seat.agent,
        resource: { type, id },
        context: policyClass === "action" || policyClass === "data" ? approved : context,
      }),
    );

  let verdicts: Record<PolicyClass, Verdict>;
  let plan: RedactionPlan;
  try {
    const network = ask("network", "connect", "Destination", tool.destination);
    const action = ask("action", tool.action, "Tool", tool.id);
    const disclosures = tool.dataClasses.map((one) => ask("data", "disclose", "DataClass", one));
    plan = Object.fromEntries(
      tool.dataClasses.map((one, at) => [one, disclosureOf(disclosures[at]!)]),
    );
    const budget = ask("budget", "spend", "Tool", tool.id);
    verdicts = {
      network,
      action,
      data: combine(
        disclosures,
        (one.named ?? []).map((name) => tool.dataClasses.indexOf(name)),
      ),
      budget,
    };
  } catch {
    return { kind: "trap" };
  }

  const rules: ClassRules = Object.fromEntries(
    POLICY_CLASSES.map((policyClass) => [policyClass, verdicts[policyClass].ruleIds]),
  );
  const denying = POLICY_CLASSES.find((policyClass) => !verdicts[policyClass].allow);
  if (denying === undefined) return { kind: "allowed", rules, plan };
  const { failed, ruleIds } = verdicts[denying];
  return {
    kind: "denied",
    code: failed ? "policy_error" : CODES[denying],
    policyClass: denying,
    ruleIds,
    rules,
    plan,
  };
}

function disclosureOf({ allow, ruleIds }: Verdict): Disclosure {
  return { allow, ruleIds };
}

/** Cedar skips a policy that errors, so a broken `forbid` would allow: any error denies (P2). */
export function verdict(policyClass: PolicyClass | "authority", answer: Answer): Verdict {
  if (answer.errors.length > 0) {
    return { allow: false, failed: true, ruleIds: sorted(answer.errors) };
  }
  const ruleIds = answer.ruleIds.length > 0 ? sorted(answer.ruleIds) : [`default:${policyClass}`];
  return {
    allow: answer.decision === "allow" && answer.ruleIds.length > 0,
    failed: false,
    ruleIds,
  };
}

/** A class that the tool does not have is one that nobody was asked about. */
const UNASKED: Verdict = { allow: false, failed: false, ruleIds: [] };

/**
 * One disclosed class is enough for the call: the others are redacted. A class that the call names
 * cannot be taken out of its result. None, a denied one among the named, or an error anywhere denies
 * it before anything leaves.
 */
function combine(disclosures: readonly Verdict[], named: readonly number[]): Verdict {
  const broken = disclosures.filter((one) => one.failed);
  const withheld = named.map((at) => disclosures[at] ?? UNASKED).filter((one) => !one.allow);
  const deciding = [broken, withheld, disclosures].find((all) => all.length > 0) ?? [];
  const ruleIds = sorted(deciding.flatMap((one) => one.ruleIds));
  return {
    allow: broken.length === 0 && withheld.length === 0 && disclosures.some((one) => one.allow),
    failed: broken.length > 0,
    ruleIds: ruleIds.length > 0 ? ruleIds : ["default:data"],
  };
}

function sorted(ids: readonly string[]): readonly string[] {
  return ids.length < 2 ? ids : [...new Set(ids)].sort();
}

/** What `disclose` says of these classes without any approval; a trap throws. */
export function disclosures(one: Case, classes: readonly string[]): RedactionPlan {
  const context = contextOf(one);
  return Object.fromEntries(
    classes.map((id) => [
      id,
      disclosureOf(
        verdict(
          "data",
          one.evaluator.evaluate({
            policyClass: "data",
            action: "disclose",
            principal: one.seat.agent,
            resource: { type: "DataClass", id },
            context,
          }),
        ),
      ),
    ]),
  );
}

/** The workflow's history, as every policy may read it. Its Cedar type stands in policy/schema.ts. */
export function contextOf(one: Omit<Case, "evaluator">): JsonObject {
  const { state, seat, tool, after, policyArguments, sources } = one;
  return {
    purpose: state.purpose,
    trust: state.trust,
    human: state.human,
    depth: seat.depth,
    chain: chainOf(state, seat),
    seats: Object.keys(state.seats).length,
    calls: after.calls,
    cost: after.cost,
    runtimeMs: after.runtimeMs,
    tokens: after.tokens,
    labels: state.labels,
    writeDomains: Object.keys(state.writeDomains).sort(),
    approvals: [],
    tool: tool.id,
    arguments: policyArguments,
    sources: sources as JsonObject,
  };
}
