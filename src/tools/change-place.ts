import type { Json } from "../core/model/json.ts";
import { childOf, type OutputNode, type OutputTree, type RecordRule } from "./classify.ts";
import { segmentsOf, stepInto } from "./pointer.ts";

/** One node between the root and what an operation changes, with what stands there on both sides. */
export interface Step {
  readonly segments: readonly string[];
  /** Null: nobody declared what stands here. */
  readonly node: OutputNode | null;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** From the root to the place itself; ends early where nothing is declared any more. */
export function stepsTo(
  tree: OutputTree,
  path: string,
  before: Json,
  after: Json,
): readonly Step[] {
  const segments = segmentsOf(path);
  let step: Step = { segments: [], node: tree.root, before, after };
  const steps = [step];
  for (let at = 0; at < segments.length && step.node !== null; at++) {
    const segment = segments[at]!;
    step = {
      segments: segments.slice(0, at + 1),
      node: childOf(step.node, segment),
      before: stepInto(step.before, segment),
      after: stepInto(step.after, segment),
    };
    steps.push(step);
  }
  return steps;
}

/** A change leads into or out of a record's class: it belongs to a record that is of it on one side. */
export type RecordTest = (rule: RecordRule, record: Json | undefined) => boolean;

/**
 * What is left out of a change is missing from its records, too. A condition that might look there
 * would not be met, and disclose what it was to withhold: it counts as met.
 */
export function compileRecordTest(ignored: ReadonlySet<string>): RecordTest {
  const isBlind = ({ looksAt }: RecordRule): boolean =>
    ignored.size > 0 && (looksAt === null || !looksAt.isDisjointFrom(ignored));
  return (rule, record) =>
    typeof record === "object" &&
    record !== null &&
    !Array.isArray(record) &&
    (isBlind(rule) || rule.matches(record));
}
