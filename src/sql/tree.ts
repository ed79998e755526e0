import { Refused } from "./refusal.ts";

/** A node's members, or one of its wrappers `{ "SelectStmt": { … } }`. */
export type Tree = { readonly [member: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function treeOf(value: unknown): Tree {
  if (!isTree(value)) throw new Refused("construct_not_allowed");
  return value;
}

export function listOf(value: unknown): readonly Tree[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Refused("construct_not_allowed");
  return value.map(treeOf);
}

/** The one type of a wrapper and its members. */
export function opened(wrapper: unknown): readonly [type: string, members: Tree] {
  const entries = Object.entries(treeOf(wrapper));
  const [entry] = entries;
  if (entries.length !== 1 || entry === undefined) throw new Refused("construct_not_allowed");
  return [entry[0], treeOf(entry[1])];
}

/** The members, if the wrapper is of this type. */
export function as(wrapper: unknown, type: string): Tree | null {
  if (!isTree(wrapper) || !Object.hasOwn(wrapper, type)) return null;
  return treeOf(wrapper[type]);
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The parser leaves out what is zero. */
export function placeOf(node: Tree): number {
  const { location } = node;
  return typeof location === "number" ? location : 0;
}

/** Names of a list of `String` nodes; null: something else is among them. */
export function namesOf(value: unknown): readonly string[] | null {
  const names = listOf(value).map((one) => as(one, "String")?.["sval"]);
  return names.every((name): name is string => typeof name === "string") ? names : null;
}
