import { isObject, type Json } from "../core/model/json.ts";

/** RFC 6901. */
export function pointer(segments: readonly (string | number)[]): string {
  let text = "";
  for (const segment of segments) {
    text += typeof segment === "number" ? `/${segment}` : `/${escapeSegment(segment)}`;
  }
  return text;
}

function escapeSegment(segment: string): string {
  if (!segment.includes("~") && !segment.includes("/")) return segment;
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The segments of a pointer; what has no leading slash names the whole value. */
export function segmentsOf(text: string): readonly string[] {
  return text
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** What stands at one step inside a value: own members and places of arrays only. */
export function stepInto(value: Json | undefined, segment: string): Json | undefined {
  if (Array.isArray(value)) {
    return /^(?:0|[1-9]\d{0,9})$/.test(segment)
      ? (value as readonly Json[])[Number(segment)]
      : undefined;
  }
  return isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
}

/** Undefined: nothing stands there. */
export function resolvePointer(value: Json, text: string): Json | undefined {
  return segmentsOf(text).reduce<Json | undefined>(stepInto, value);
}

/** An own member whatever its name: plain assignment of `__proto__` would change the prototype. */
export function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else {
    target[key] = value;
  }
}
