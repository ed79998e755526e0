import type { ApprovalKind } from "../model/bundle.ts";
import type { ApprovalNeed, ClassRules } from "../model/event.ts";
import { canonical } from "../model/json.ts";
import type { RedactionPlan } from "../model/policy.ts";
import { judge, type Case, type Judgement } from "./judge.ts";

type Allowed = Extract<Judgement, { kind: "allowed" }>;

/**
 * Would a human's approval turn this denial into an allow? Asked once with all kinds; then each is
 * dropped, in the order of the bundle, as long as the answer stays allow. Null: no approval helps.
 * A trap: nobody knows, and a denial for good would be a guess.
 */
export function needOf(
  one: Case,
  denied: Extract<Judgement, { kind: "denied" }>,
  kinds: readonly ApprovalKind[],
  hash: (text: string) => string,
): { readonly need: ApprovalNeed; readonly allowed: Allowed } | "trap" | null {
  // A policy that cannot be evaluated denies, whoever approves; no human opens a network or a budget.
  if (kinds.length === 0 || denied.code === "policy_error") return null;
  let left = kinds.map((kind) => kind.id);
  let allowed = judge(one, left);
  if (allowed.kind === "trap") return "trap";
  if (allowed.kind !== "allowed") return null;
  for (const { id } of kinds) {
    const without = left.filter((kind) => kind !== id);
    const answer = judge(one, without);
    if (answer.kind === "trap") return "trap";
    if (answer.kind !== "allowed") continue;
    left = without;
    allowed = answer;
  }
  // Denied as it is, so at least one kind made the difference.
  if (left.length === 0) return null;
  return {
    need: {
      kinds: left,
      ruleIds: turned(denied.rules, allowed.rules),
      discloses: disclosed(denied.plan, allowed.plan),
      plan: planDigest(hash, allowed.plan),
    },
    allowed,
  };
}

export function planDigest(hash: (text: string) => string, plan: RedactionPlan): string {
  return hash(canonical(plan));
}

/** Rules that decided before and no longer do, and those that decide now. */
function turned(before: ClassRules, after: ClassRules): readonly string[] {
  const flat = (rules: ClassRules): Set<string> => new Set(Object.values(rules).flat());
  return [...flat(before).symmetricDifference(flat(after))].sort();
}

function disclosed(before: RedactionPlan, after: RedactionPlan): readonly string[] {
  return Object.keys(after)
    .filter((dataClass) => after[dataClass]!.allow && before[dataClass]?.allow !== true)
    .sort();
}
