import { isObject, type Json } from "../core/model/json.ts";
import { childOf, type OutputNode, type OutputTree } from "./classify.ts";

/** How many records of an answer are traps: all of them, whether or not the agent gets to see them. */
export function compileCanaryCount(tree: OutputTree): (value: Json) => number {
  const isTrapped = tree.nodes.some(({ records }) => records.some(({ canary }) => canary));
  return isTrapped ? (value) => count(tree.root, value) : () => 0;
}

function count(node: OutputNode, value: Json): number {
  let found = 0;
  if (Array.isArray(value)) {
    const { items } = node;
    if (items === null) return 0;
    for (const item of value as readonly Json[]) found += count(items, item);
  } else if (isObject(value)) {
    if (node.records.some(({ canary, matches }) => canary && matches(value))) found++;
    for (const [key, member] of Object.entries(value)) {
      const child = childOf(node, key);
      if (child !== null) found += count(child, member);
    }
  }
  return found;
}
