import type { RedactionPlan } from "../core/model/policy.ts";
import type { OutputTree } from "./classify.ts";
import { MAX_STANDINGS } from "./limits.ts";

/** What a set of denied classes means for every node of one output. */
export interface Standing {
  readonly denied: ReadonlySet<string>;
  /** By node: every leaf at or below is denied, so the node becomes null whole. */
  readonly withheld: readonly boolean[];
}

export type StandingOf = (plan: RedactionPlan) => Standing;

/** Not in the plan is not disclosed. */
export function disclosed(plan: RedactionPlan, dataClass: string): boolean {
  return Object.hasOwn(plan, dataClass) && plan[dataClass]?.allow === true;
}

/** Worked out once per set of denied classes: plans differ by call, such sets hardly. */
export function compileStandings(tree: OutputTree): StandingOf {
  const known = new Map<string, Standing>();
  return (plan) => {
    const key = tree.classes.map((dataClass) => (disclosed(plan, dataClass) ? "1" : "0")).join("");
    let standing = known.get(key);
    if (standing === undefined) {
      standing = workOut(tree, plan);
      if (known.size >= MAX_STANDINGS) known.clear();
      known.set(key, standing);
    }
    return standing;
  };
}

function workOut(tree: OutputTree, plan: RedactionPlan): Standing {
  const denied = new Set(tree.classes.filter((dataClass) => !disclosed(plan, dataClass)));
  return {
    denied,
    withheld: tree.nodes.map(
      ({ classes }) => classes.length > 0 && classes.every((dataClass) => denied.has(dataClass)),
    ),
  };
}
