import canonicalize from "canonicalize";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** RFC 8785. Everything that is hashed or signed by two parties takes this form. */
export function canonical(value: unknown): string {
  const text = quickly(value) ?? canonicalize(value);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}

/**
 * The same form at half the price, because the engine does the writing. Null: not for certain; the
 * library then says what is to become of it.
 */
function quickly(value: unknown): string | null {
  const sorted = sortedCopy(value, 0);
  if (sorted === undefined) return null;
  const text = JSON.stringify(sorted);
  // How half a character is written, which has no canonical form; or a backslash before these letters.
  return text.includes("\\ud") ? null : text;
}

/** An object keeps whole numbers as keys in an order of its own. */
const ARRAY_INDEX = /^[0-9]+$/;

/** Undefined: something in it is no plain data, or would not keep its order. */
function sortedCopy(value: unknown, depth: number): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value !== "object") return undefined;
  if (depth > MAX_JSON_DEPTH || "toJSON" in value) return undefined;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value as readonly unknown[]) {
      const copy = sortedCopy(item, depth + 1);
      if (copy === undefined) return undefined;
      items.push(copy);
    }
    return items;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const members = value as { readonly [key: string]: unknown };
  const sorted: { [key: string]: unknown } = {};
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    // Left out, as JSON.stringify does.
    if (member === undefined) continue;
    if (key === "__proto__" || ARRAY_INDEX.test(key)) return undefined;
    const copy = sortedCopy(member, depth + 1);
    if (copy === undefined) return undefined;
    sorted[key] = copy;
  }
  return sorted;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Deeper input is refused before any recursive code sees it (stack exhaustion). */
export const MAX_JSON_DEPTH = 64;

export type JsonFault =
  | "not_json"
  | "duplicate_key"
  | "forbidden_key"
  | "too_deep"
  /** A number beyond a double (`1e400`) or half a character (`"\ud800"`): JSON without RFC 8785 form. */
  | "no_canonical_form";
export type ParsedJson =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly fault: JsonFault };

/**
 * JSON.parse keeps the last of two equal keys, so a checker and an executor that read different
 * copies can be played against each other; and it makes an own `__proto__`, which a later merge
 * turns into prototype pollution. Both are refused here, at every edge of the system. What it
 * accepts but `canonical` would throw on is refused here, too, where there is still an answer.
 */
export function parseStrict(text: string): ParsedJson {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return { ok: false, fault: "not_json" };
  }
  const fault = findFault(text) ?? (hasCanonicalForm(value) ? null : "no_canonical_form");
  return fault === null ? { ok: true, value } : { ok: false, fault };
}

/** Recursion is bounded: depth was checked before. */
function hasCanonicalForm(value: Json): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(hasCanonicalForm);
  // Not Object.entries: on a result of a thousand rows its pairs cost more than the checks.
  const members = value as JsonObject;
  for (const key in members) {
    if (!key.isWellFormed() || !hasCanonicalForm(members[key]!)) return false;
  }
  return true;
}

/** One pass over text that JSON.parse has already accepted: only strings and brackets matter. */
function findFault(text: string): JsonFault | null {
  const open: (Set<string> | null)[] = [];
  let expectKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Set());
        if (open.length > MAX_JSON_DEPTH) return "too_deep";
        expectKey = true;
        break;
      case 0x5b: // [
        open.push(null);
        if (open.length > MAX_JSON_DEPTH) return "too_deep";
        expectKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectKey = false;
        break;
      case 0x2c: // ,
        expectKey = open.at(-1) != null;
        break;
      case 0x22: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (expectKey && keys != null) {
          const key = decodeKey(text.slice(at + 1, end));
          if (key === "__proto__") return "forbidden_key";
          if (keys.has(key)) return "duplicate_key";
          keys.add(key);
          expectKey = false;
        }
        at = end;
        break;
      }
    }
  }
  return null;
}

/** Two spellings of one key are one key; most keys have no escape to decode. */
function decodeKey(raw: string): string {
  return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/** The next quote that no odd number of backslashes stands before. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return at;
  }
}
