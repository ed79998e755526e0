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
