import { isObject, type Json } from "../../core/model/json.ts";
import type { PolicyJson } from "./engine.ts";

export interface EntityRef {
  readonly type: string;
  readonly id: string;
}

/** Every entity a policy names, in scope and conditions. */
export function entitiesOf(policy: PolicyJson): readonly EntityRef[] {
  const found: EntityRef[] = [];
  const { principal, action, resource, conditions } = policy;
  visit([principal, action, resource, conditions] as unknown as Json, (node) => {
    const { type, id } = node;
    if (typeof type === "string" && typeof id === "string") found.push({ type, id });
  });
  return found;
}

/** Every number a policy writes down. */
export function numbersOf(policy: PolicyJson): readonly number[] {
  const found: number[] = [];
  visit(asJson(policy), (node) => {
    if (typeof node["Value"] === "number") found.push(node["Value"]);
  });
  return found;
}

/** Strings that are compared with a context attribute: `==`, `!=`, `contains…`. */
export function literalsOf(
  policy: PolicyJson,
): readonly { readonly attribute: string; readonly value: string }[] {
  const found: { attribute: string; value: string }[] = [];
  visit(asJson(policy), (node) => {
    for (const operator of ["==", "!=", "contains", "containsAll", "containsAny"]) {
      const sides = node[operator];
      if (!isObject(sides)) continue;
      for (const [one, other] of [
        [sides["left"], sides["right"]],
        [sides["right"], sides["left"]],
      ]) {
        const attribute = contextAttribute(one);
        if (attribute === undefined) continue;
        for (const value of stringsIn(other)) found.push({ attribute, value });
      }
    }
  });
  return found;
}

/** `context.x` → `x`. */
function contextAttribute(node: Json | undefined): string | undefined {
  const access = isObject(node) ? node["."] : undefined;
  if (!isObject(access) || !isObject(access["left"])) return undefined;
  const attribute = access["attr"];
  return access["left"]["Var"] === "context" && typeof attribute === "string"
    ? attribute
    : undefined;
}

function stringsIn(node: Json | undefined): readonly string[] {
  if (!isObject(node)) return [];
  if (typeof node["Value"] === "string") return [node["Value"]];
  return Array.isArray(node["Set"]) ? (node["Set"] as readonly Json[]).flatMap(stringsIn) : [];
}

/** Parents before children, in source order. */
export function visit(node: Json, each: (node: { readonly [key: string]: Json }) => void): void {
  if (Array.isArray(node)) {
    for (const item of node as readonly Json[]) visit(item, each);
  } else if (isObject(node)) {
    each(node);
    for (const value of Object.values(node)) visit(value, each);
  }
}

export function asJson(policy: PolicyJson): Json {
  return policy as unknown as Json;
}
