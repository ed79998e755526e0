import type { ChangeOperation } from "../core/model/change.ts";
import { isObject, type Json } from "../core/model/json.ts";
import type { Redaction } from "../core/model/outcome.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { Observation, ShownChange } from "../gateway/ports.ts";
import { type RecordTest, type Step, stepsTo } from "./change-place.ts";
import { childOf, type OutputNode, type OutputTree } from "./classify.ts";
import { MAX_REDACTIONS } from "./limits.ts";
import { pointer, put } from "./pointer.ts";
import { ruleIdsOf } from "./redact.ts";
import { compileStandings, type Standing } from "./standing.ts";

/** Named for a place without a class: no plan allows it. */
const UNDECLARED: readonly string[] = ["undeclared"];

export type ChangeShower = (observed: Observation, plan: RedactionPlan) => ShownChange;

/**
 * A change with everything denied taken out, place by place: unlike a result it loses no record and
 * no member, because what is not shown must be seen to be there. Values are built anew.
 */
export function compileShow(tree: OutputTree, isOf: RecordTest): ChangeShower {
  const standingOf = compileStandings(tree);
  return (observed, plan) => new Show(tree, isOf, plan, standingOf(plan)).run(observed);
}

class Show {
  readonly #tree: OutputTree;
  readonly #isOf: RecordTest;
  readonly #plan: RedactionPlan;
  readonly #standing: Standing;
  readonly #change: ChangeOperation[] = [];
  readonly #hidden: Redaction[] = [];
  #at: (string | number)[] = [];

  constructor(tree: OutputTree, isOf: RecordTest, plan: RedactionPlan, standing: Standing) {
    this.#tree = tree;
    this.#isOf = isOf;
    this.#plan = plan;
    this.#standing = standing;
  }

  run({ change, before, after }: Observation): ShownChange {
    const hiddenPlaces = new Set<string>();
    for (const operation of change) {
      const steps = stepsTo(this.#tree, operation.path, before, after);
      const found = this.#firstHidden(steps);
      if (found === null) {
        const node = steps.at(-1)!.node!;
        this.#emit(operation, (value) => this.#value(node, value));
        continue;
      }
      // Keys below a hidden place may be data: what changes there is one change of the place.
      const path = pointer(found.step.segments);
      if (hiddenPlaces.has(path)) continue;
      hiddenPlaces.add(path);
      for (const one of replaced(path, found.step)) {
        this.#emit(one, () => this.#hide(found.classes));
      }
    }
    return { change: this.#change, hidden: this.#hidden };
  }

  #firstHidden(steps: readonly Step[]): { step: Step; classes: readonly string[] } | null {
    for (const [at, step] of steps.entries()) {
      // The key itself was never declared: it goes with what it stands in.
      if (step.node === null) return { step: steps[at - 1]!, classes: UNDECLARED };
      const classes = this.#deniedOf(step.node, [step.before, step.after]);
      if (classes !== null) return { step, classes };
    }
    return null;
  }

  /** Null: some of it may be seen. */
  #deniedOf(node: OutputNode, values: readonly (Json | undefined)[]): readonly string[] | null {
    if (node.classes.length === 0 || !values.every((value) => isOfKind(node, value))) {
      return UNDECLARED;
    }
    if (this.#standing.withheld[node.index] === true) return node.classes;
    const record = node.records.find(
      (rule) =>
        this.#standing.denied.has(rule.dataClass) && values.some((one) => this.#isOf(rule, one)),
    );
    return record === undefined ? null : [record.dataClass];
  }

  #emit(operation: ChangeOperation, valueOf: (value: Json) => Json): void {
    if (operation.op === "remove") {
      this.#change.push(operation);
      return;
    }
    this.#at = [this.#change.length, "value"];
    const { op, path } = operation;
    this.#change.push({ op, path, value: valueOf(operation.value) });
  }

  #value(node: OutputNode, value: Json): Json {
    const denied = this.#deniedOf(node, [value]);
    if (denied !== null) return this.#hide(denied);
    if (Array.isArray(value)) {
      return (value as readonly Json[]).map((item, at) => this.#inside(node.items!, item, at));
    }
    if (!isObject(value)) return value;
    // A key nobody declared is text of the service: it is not shown either.
    if (Object.keys(value).some((key) => childOf(node, key) === null))
      return this.#hide(UNDECLARED);
    const shown: Record<string, Json> = {};
    for (const [key, member] of Object.entries(value)) {
      put(shown, key, this.#inside(childOf(node, key)!, member, key));
    }
    return shown;
  }

  #inside(node: OutputNode, value: Json, key: string | number): Json {
    this.#at.push(key);
    const shown = this.#value(node, value);
    this.#at.pop();
    return shown;
  }

  #hide(classes: readonly string[]): null {
    const path = pointer(this.#at);
    for (const dataClass of classes) {
      if (this.#hidden.length >= MAX_REDACTIONS) break;
      const ruleIds = ruleIdsOf(this.#plan, dataClass);
      this.#hidden.push({ path, dataClass, ruleIds, transform: "null" });
    }
    return null;
  }
}

/** Otherwise what is inside has no nodes of its own. */
function isOfKind(node: OutputNode, value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return node.kind === "array" && node.items !== null;
  return node.kind === (isObject(value) ? "object" : "leaf");
}

/** What happens at a place whose values are not shown. */
function replaced(path: string, { before, after }: Step): readonly ChangeOperation[] {
  const add = { op: "add", path, value: null } as const;
  if (before === undefined) return [add];
  const test = { op: "test", path, value: null } as const;
  return after === undefined ? [test, { op: "remove", path }] : [test, { ...add, op: "replace" }];
}
