import { deepCompareStrict, format as formats } from "@cfworker/json-schema";
import type { Json } from "../core/model/json.ts";
import { MAX_PATTERN_CHARS } from "./limits.ts";
import type { AnnotatedSchema, SchemaType } from "../policy/bundle/model.ts";

type Check = (value: Json) => boolean;

/**
 * One value against its own node of the closed dialect, not against what is inside it: redaction
 * checks while it walks, in one pass and without a string for every place. The general checker
 * judges the same in a test, value by value.
 */
export function compileCheck(schema: AnnotatedSchema): Check {
  const checks: Check[] = [compileType(schema.type)];
  const { enum: options, const: only, format, pattern } = schema;
  if (options !== undefined) {
    checks.push((value) => options.some((option) => deepCompareStrict(value, option)));
  }
  if (only !== undefined) checks.push((value) => deepCompareStrict(value, only));
  if (pattern !== undefined) {
    const expression = new RegExp(pattern, "u");
    checks.push(
      (value) =>
        typeof value !== "string" || (value.length <= MAX_PATTERN_CHARS && expression.test(value)),
    );
  }
  const formatted = format !== undefined && Object.hasOwn(formats, format) ? formats[format] : null;
  if (formatted) checks.push((value) => typeof value !== "string" || formatted(value));
  checks.push(...compileBounds(schema));
  return (value) => checks.every((check) => check(value));
}

/** Text that is half a surrogate pair or a number beyond a double has no canonical JSON form. */
function compileType(type: SchemaType | readonly SchemaType[]): Check {
  const types: readonly SchemaType[] = typeof type === "string" ? [type] : type;
  const has = (name: SchemaType): boolean => types.includes(name);
  const [nulls, booleans, strings] = [has("null"), has("boolean"), has("string")];
  const [numbers, integers, arrays, objects] = [
    has("number"),
    has("integer"),
    has("array"),
    has("object"),
  ];
  return (value) => {
    switch (typeof value) {
      case "string":
        return strings && value.isWellFormed();
      case "number":
        // Past 2^53 the parser may have rounded, and a rounded id is somebody else's.
        return numbers ? Number.isFinite(value) : integers && Number.isSafeInteger(value);
      case "boolean":
        return booleans;
      default:
        return value === null ? nulls : Array.isArray(value) ? arrays : objects;
    }
  };
}

function compileBounds(schema: AnnotatedSchema): readonly Check[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const checks: Check[] = [];
  if (minimum !== undefined) checks.push((value) => typeof value !== "number" || value >= minimum);
  if (maximum !== undefined) checks.push((value) => typeof value !== "number" || value <= maximum);
  if (minLength !== undefined) {
    checks.push((value) => typeof value !== "string" || characters(value) >= minLength);
  }
  if (maxLength !== undefined) {
    checks.push(
      (value) =>
        typeof value !== "string" || value.length <= maxLength || characters(value) <= maxLength,
    );
  }
  if (minItems !== undefined)
    checks.push((value) => !Array.isArray(value) || value.length >= minItems);
  if (maxItems !== undefined)
    checks.push((value) => !Array.isArray(value) || value.length <= maxItems);
  return checks;
}

/** JSON Schema counts code points, JavaScript counts halves of them. */
function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) at++;
    count++;
  }
  return count;
}
