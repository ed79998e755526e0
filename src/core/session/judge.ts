import type { Tool } from "../model/bundle.ts";
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
import type { Seat, Usage, WorkflowState } from "./state.ts";

type Judgement =
  | { readonly kind: "allowed"; readonly rules: ClassRules; readonly plan: RedactionPlan }
  | {
      readonly kind: "denied";
      readonly code: PolicyCode;
      readonly policyClass: PolicyClass;
      readonly ruleIds: readonly string[];
      readonly rules: ClassRules;
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

/** Asks all four classes, always: evidence of a call is complete whichever class denied it. */
export function judge(
  state: WorkflowState,
  seat: Seat,
  tool: Tool,
  after: Usage,
  policyArguments: JsonObject,
  evaluator: Evaluator,
): Judgement {
  const context = contextOf(state, seat, tool, after, policyArguments);
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
        context,
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
    verdicts = { network, action, data: combine(disclosures), budget };
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
  };
}

function disclosureOf({ allow, ruleIds }: Verdict): Disclosure {
  return { allow, ruleIds };
}

/** Cedar skips a policy that errors, so a broken `forbid` would allow: any error denies (P2). */
export function verdict(policyClass: PolicyClass, answer: Answer): Verdict {
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

/**
 * One disclosed class is enough for the call: the others are redacted. None, or an error anywhere,
 * denies it before anything leaves.
 */
function combine(disclosures: readonly Verdict[]): Verdict {
  const broken = disclosures.filter((one) => one.failed);
  const deciding = broken.length > 0 ? broken : disclosures;
  const ruleIds = sorted(deciding.flatMap((one) => one.ruleIds));
  return {
    allow: broken.length === 0 && disclosures.some((one) => one.allow),
    failed: broken.length > 0,
    ruleIds: ruleIds.length > 0 ? ruleIds : ["default:data"],
  };
}

function sorted(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].sort();
}

/** The workflow's history, as every policy may read it. Its Cedar type stands in policy/schema.ts. */
export function contextOf(
  state: WorkflowState,
  seat: Seat,
  tool: Tool,
  after: Usage,
  policyArguments: JsonObject,
): JsonObject {
  return {
    purpose: state.purpose,
    trust: state.trust,
    human: state.human,
    depth: seat.depth,
    seats: Object.keys(state.seats).length,
    calls: after.calls,
    cost: after.cost,
    runtimeMs: after.runtimeMs,
    labels: state.labels,
    writeDomains: Object.keys(state.writeDomains).sort(),
    approvals: [],
    tool: tool.id,
    arguments: policyArguments,
  };
}
