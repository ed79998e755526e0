import type { Change } from "../core/model/change.ts";
import { isObject, type Json } from "../core/model/json.ts";
import { type RecordTest, stepsTo } from "./change-place.ts";
import { childOf, type OutputNode, type OutputTree } from "./classify.ts";

/**
 * Data classes of every value a change tells of, sorted. Null: a changed place is undeclared, has no
 * class, or is not what its schema says; then nobody knows who may see it.
 */
export function changedClasses(
  tree: OutputTree,
  change: Change,
  before: Json,
  after: Json,
  isOf: RecordTest,
): readonly string[] | null {
  const found = new Set<string>();
  for (const operation of change) {
    const steps = stepsTo(tree, operation.path, before, after);
    for (const { node, before: old, after: made } of steps) {
      if (node === null || !fits(tree, node, old) || !fits(tree, node, made)) return null;
      for (const rule of node.records) {
        if (isOf(rule, old) || isOf(rule, made)) found.add(rule.dataClass);
      }
    }
    const node = steps.at(-1)?.node;
    if (!node) return null;
    if ("value" in operation && !collect(tree, node, operation.value, isOf, found)) return null;
  }
  return [...found].sort();
}

/** A resource that is gone has no shape. */
function fits(tree: OutputTree, node: OutputNode, value: Json | undefined): boolean {
  return value === undefined || (value === null && node === tree.root) || node.check(value);
}

function collect(
  tree: OutputTree,
  node: OutputNode,
  value: Json,
  isOf: RecordTest,
  found: Set<string>,
): boolean {
  if (!fits(tree, node, value)) return false;
  for (const rule of node.records) if (isOf(rule, value)) found.add(rule.dataClass);
  const members = membersOf(value);
  if (members.length === 0) {
    // Nothing inside tells which of its classes this is about, so it is about all of them.
    for (const dataClass of node.classes) found.add(dataClass);
    return node.classes.length > 0;
  }
  return members.every(([key, member]) => {
    const child = key.isWellFormed() ? childOf(node, key) : null;
    return child !== null && collect(tree, child, member, isOf, found);
  });
}

function membersOf(value: Json): readonly (readonly [string, Json])[] {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item, at) => [String(at), item]);
  return isObject(value) ? Object.entries(value) : [];
}
