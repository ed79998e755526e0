import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { SchemaFault } from "./json-schema.ts";
import { MAX_EXPECTED_CHARS } from "./limits.ts";
import { resolvePointer } from "./pointer.ts";

/** What a place can be told of; the others say only that something inside of them is wrong. */
const TOLD = new Set([
  ...["type", "enum", "const", "format", "pattern", "multipleOf", "uniqueItems"],
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  ...["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
]);

/**
 * What the schema asks for at each place, in its own words: `type "integer"`, `maximum 100`. Schemas are
 * published; what was given there instead is never said (P10).
 */
export function expectations(
  schema: JsonObject,
  faults: readonly SchemaFault[],
): { readonly [place: string]: string } {
  const told = new Map<string, string>();
  for (const { keyword, at, schemaAt } of faults) {
    const text = keyword === "false" ? "no such argument" : wordsOf(schema, keyword, schemaAt);
    if (text === null || (told.get(at) ?? "").includes(text)) continue;
    const before = told.get(at);
    const both = before === undefined ? text : `${before}, ${text}`;
    if (both.length <= MAX_EXPECTED_CHARS) told.set(at, both);
  }
  return Object.fromEntries(told);
}

function wordsOf(schema: JsonObject, keyword: string, at: string): string | null {
  if (!TOLD.has(keyword)) return null;
  const value: Json | undefined = resolvePointer(schema, at);
  if (value === undefined || isObject(value)) return null;
  const text = `${keyword} ${JSON.stringify(value)}`;
  return text.length <= MAX_EXPECTED_CHARS ? text : keyword;
}
