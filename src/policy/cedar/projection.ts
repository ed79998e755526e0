import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { RECORDS, type Reads, type Use } from "./reads.ts";

/** A context reduced to what the policies of one class can see. */
export interface Projected {
  /** Equal for contexts that no policy of the class can tell apart. */
  readonly key: string;
  readonly context: JsonObject;
}

export type Projection = (context: JsonObject) => Projected;

/** A context that is no policy data; the call is not admitted. */
export class ContextUnfit extends Error {
  override readonly name = "ContextUnfit";
}

export function projectionOf(reads: Reads): Projection {
  return reads === "everything" ? projectAll : projectTo([...reads]);
}

function projectAll(context: JsonObject): Projected {
  for (const [name, value] of Object.entries(context)) {
    if (isRecord(name) && isObject(value)) Object.values(value).forEach(expectPlain);
    else expectPlain(value);
  }
  return { key: sortedKey(context), context };
}

function sortedKey(context: JsonObject): string {
  return JSON.stringify(
    Object.keys(context)
      .sort()
      .map((name) => {
        const value = context[name];
        return [name, isObject(value) ? sortedKey(value) : value];
      }),
  );
}

function projectTo(uses: readonly (readonly [string, Use])[]): Projection {
  const direct = uses.filter(([name]) => !name.includes("."));
  const records = RECORDS.map((record) => ({
    record,
    whole: direct.some(([name]) => name === record),
    members: uses
      .filter(([name]) => name.startsWith(`${record}.`))
      .map(([name, use]) => [name.slice(record.length + 1), use] as const),
  })).filter(({ members }) => members.length > 0);
  return (context) => {
    const seen: Record<string, Json> = {};
    let key = "";
    for (const [name, use] of direct) key += take(context, name, use, seen);
    for (const { record, whole, members } of records) {
      const given = context[record];
      if (!isObject(given)) {
        // Not the mark of an absent member: `has` answers for one and errors for the other.
        key += "!;";
        continue;
      }
      const taken: Record<string, Json> = {};
      for (const [name, use] of members) key += take(given, name, use, taken);
      if (!whole) seen[record] = taken;
    }
    return { key, context: seen };
  };
}

function isRecord(name: string): boolean {
  return (RECORDS as readonly string[]).includes(name);
}

/** Copies one attribute and answers its part of the key. */
function take(from: JsonObject, name: string, use: Use, to: Record<string, Json>): string {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (value === undefined) return "-;";
  if (isRecord(name) && isObject(value)) {
    Object.values(value).forEach(expectPlain);
    to[name] = value;
    return `${sortedKey(value)};`;
  }
  expectPlain(value);
  to[name] = value;
  return `${keyOf(value, use)};`;
}

function keyOf(value: Json, use: Use): string {
  if (!use.whole) {
    const { numbers, strings } = use;
    if (numbers.length === 0 && strings.length === 0) return "+";
    if (typeof value === "number" && strings.length === 0) return bucket(value, numbers);
    if (typeof value === "string" && numbers.length === 0) {
      return strings.includes(value) ? `=${JSON.stringify(value)}` : "other";
    }
  }
  return JSON.stringify(value);
}

/** On a cut, or between which two: no comparison with the cuts can tell more. */
function bucket(value: number, cuts: readonly number[]): string {
  let below = 0;
  for (const cut of cuts) {
    if (cut === value) return `=${value}`;
    if (cut < value) below++;
  }
  return `>${below}`;
}

/**
 * Strings, booleans, exact integers and lists of them. An object could carry Cedar's `__entity` or
 * `__extn` escapes: an argument would then pose as an entity.
 */
function expectPlain(value: Json): void {
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) expectScalar(item);
  } else expectScalar(value);
}

function expectScalar(value: Json): void {
  if (typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isSafeInteger(value)) return;
  throw new ContextUnfit("a context value has no Cedar form");
}
