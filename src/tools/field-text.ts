import type { Json } from "../core/model/json.ts";

export function isScalar(value: Json | undefined): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

export function scalarText(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** RFC 3986 unreserved stays; encodeURIComponent alone leaves `!'()*`, which some routers treat. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
