import type { Grammar, Rule } from "./node-rules.ts";
import { Refused } from "./refusal.ts";
import { isTree, listOf, namesOf, opened, placeOf, treeOf, type Tree } from "./tree.ts";

export const MAX_NODES = 4_000;
export const MAX_SQL_DEPTH = 64;

/** Every node, closed: each one and each of its members is allowed by name, or all of it is refused. */
export function checkNodes(wrapper: Tree, grammar: Grammar): void {
  new Walk(grammar).node(wrapper, 0);
}

class Walk {
  readonly #grammar: Grammar;
  #nodes = 0;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  node(wrapper: unknown, depth: number): void {
    // `DISTINCT` without ON, and an omitted limit, are nodes without a type.
    const [type, members] = opened(wrapper);
    this.#members(type, members, depth);
  }

  #members(type: string, node: Tree, depth: number): void {
    if (depth > MAX_SQL_DEPTH) throw new Refused("too_deep");
    if (++this.#nodes > MAX_NODES) throw new Refused("too_large");
    const { nodes } = this.#grammar;
    const rule = Object.hasOwn(nodes, type) ? nodes[type] : undefined;
    const at = placeOf(node);
    if (rule === undefined) throw this.#refused(type, at);
    rule.check?.(node);
    for (const [member, value] of Object.entries(node)) {
      const allowed = Object.hasOwn(rule.members, member) ? rule.members[member] : undefined;
      if (allowed === undefined) {
        throw this.#refused(`${type}.${member}`, at);
      }
      if (type === "SelectStmt" && member === "distinctClause") this.#distinct(value, depth);
      else this.#member(allowed, value, depth, `${type}.${member}`, at);
    }
  }

  #refused(place: string, at: number): Refused {
    return new Refused(this.#grammar.told[place] ?? "construct_not_allowed", at);
  }

  #member(rule: Rule, value: unknown, depth: number, place: string, at: number): void {
    if (rule === "node") this.node(value, depth + 1);
    else if (rule === "nodes") for (const one of listOf(value)) this.node(one, depth + 1);
    else if (rule === "scalar" && typeof value === "object") {
      throw new Refused("construct_not_allowed", at);
    } else if (rule === "names" && namesOf(value) === null) {
      throw new Refused("construct_not_allowed", at);
    } else if (typeof rule === "object") {
      if ("of" in rule) this.#members(rule.of, treeOf(value), depth + 1);
      else if (!rule.one.includes(value)) throw this.#refused(place, at);
    }
  }

  /** Plain DISTINCT is a list of one node that is nothing. */
  #distinct(value: unknown, depth: number): void {
    for (const one of listOf(value)) {
      if (isTree(one) && Object.keys(one).length > 0) this.node(one, depth + 1);
    }
  }
}

/** The members of the one SELECT that a query is. */
export function selectOf(wrapper: Tree): Tree {
  const [type, members] = opened(wrapper);
  if (type !== "SelectStmt") throw new Refused("not_a_query");
  return members;
}
