import type { Json } from "../../core/model/json.ts";

/** A parsed value that remembers where it stands: the same for JSONC and YAML. */
export interface Located {
  readonly type: "object" | "array" | "string" | "number" | "boolean" | "null";
  readonly value: Json;
  readonly offset: number;
  /** Of an object. */
  readonly members: ReadonlyMap<string, Member>;
  /** Of an array. */
  readonly items: readonly Located[];
}

export interface Member {
  readonly keyOffset: number;
  readonly node: Located;
}

export const NO_MEMBERS: ReadonlyMap<string, Member> = new Map();

export function locatedObject(offset: number, members: ReadonlyMap<string, Member>): Located {
  const value = Object.fromEntries([...members].map(([key, member]) => [key, member.node.value]));
  return { type: "object", value, offset, members, items: [] };
}

export function locatedArray(offset: number, items: readonly Located[]): Located {
  const value = items.map((item) => item.value);
  return { type: "array", value, offset, members: NO_MEMBERS, items };
}

export function locatedScalar(offset: number, value: null | boolean | number | string): Located {
  const type = value === null ? "null" : (typeof value as "boolean" | "number" | "string");
  return { type, value, offset, members: NO_MEMBERS, items: [] };
}

/** The node at a path, or undefined. */
export function find(
  node: Located | undefined,
  ...path: readonly (string | number)[]
): Located | undefined {
  let here = node;
  for (const step of path) {
    here = typeof step === "number" ? here?.items[step] : here?.members.get(step)?.node;
  }
  return here;
}

/** A later merge or assignment turns it into prototype pollution; core refuses it, too. */
export const FORBIDDEN_KEY = "__proto__";
