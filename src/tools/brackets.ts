import { isObject, type Json } from "../core/model/json.ts";
import { encode, isScalar, scalarText } from "./field-text.ts";
import { MAX_BRACKET_FIELDS, MAX_BRACKET_KEY_CHARS, MAX_BRACKETS } from "./limits.ts";

/** One value of it, and the keys that lead there. */
interface Leaf {
  readonly keys: readonly string[];
  readonly value: Json;
}

/** Whether an object or a list has a form as `name[key][0]=value`, and one that services read whole. */
export function isBracketed(value: Json): boolean {
  if (isScalar(value) || value === null) return false;
  const leaves = leavesOf(value, [], MAX_BRACKET_FIELDS + 1);
  return leaves.length <= MAX_BRACKET_FIELDS && leaves.every(isSendable);
}

/** Only for what `isBracketed`. Keys in one order, so that the same arguments are the same operation. */
export function bracketFields(name: string, value: Json): readonly string[] {
  return leavesOf(value, [], MAX_BRACKET_FIELDS).map(
    (leaf) =>
      `${encode(name + leaf.keys.map((key) => `[${key}]`).join(""))}=${encode(scalarText(leaf.value))}`,
  );
}

/** Null has no form here; a bracket in a key would open another level where a service decodes first. */
function isSendable({ keys, value }: Leaf): boolean {
  return (
    isScalar(value) &&
    keys.length <= MAX_BRACKETS &&
    keys.every((key) => key.length <= MAX_BRACKET_KEY_CHARS && /^[^[\]]+$/.test(key))
  );
}

/** Stops at `most`, and below the deepest level that is sent: what is left over there is no scalar. */
function leavesOf(value: Json, keys: readonly string[], most: number): readonly Leaf[] {
  const members = keys.length < MAX_BRACKETS ? membersOf(value) : null;
  if (members === null) return [{ keys, value }];
  const leaves: Leaf[] = [];
  for (const [key, member] of members) {
    if (leaves.length >= most) break;
    leaves.push(...leavesOf(member, [...keys, key], most - leaves.length));
  }
  return leaves;
}

/** Null: it has none. A list has its places, counted from 0. */
function membersOf(value: Json): readonly (readonly [string, Json])[] | null {
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((one, index) => [String(index), one] as const);
  }
  if (!isObject(value)) return null;
  return Object.keys(value)
    .sort()
    .map((key) => [key, value[key] as Json] as const);
}
