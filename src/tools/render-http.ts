import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import type { HttpTemplate } from "../policy/bundle/model.ts";
import { pointer, put } from "./pointer.ts";
import type { Renderer } from "./renderer.ts";

type Part = { readonly text: string } | { readonly argument: string };

/**
 * Each argument is encoded for its slot and cannot leave it: whatever is not an unreserved
 * character of RFC 3986 goes out percent-encoded, so no argument adds a segment, a parameter, a
 * fragment or a header line. Path and query then stand in the signed operation exactly as sent.
 */
export function compileHttp(
  template: Pick<HttpTemplate, "method" | "path" | "query" | "body">,
  destination: string,
  sha256: (text: string) => string,
): Renderer {
  const parts = partsOf(template.path);
  const inPath = parts.flatMap((part) => ("argument" in part ? [part.argument] : []));
  return {
    misplaced(args) {
      return [
        ...inPath.filter((name) => !isSegment(own(args, name))),
        ...template.query.filter((name) => !isQueryValue(own(args, name))),
      ].map((name) => pointer([name]));
    },
    render(args) {
      const body = template.body === null ? null : canonical(pick(args, template.body));
      const path = parts.map((part) =>
        "text" in part ? part.text : encode(scalarText(own(args, part.argument))),
      );
      return {
        operation: {
          http: {
            method: template.method,
            destination,
            path: path.join(""),
            query: queryOf(args, template.query),
            contentDigest: body === null ? null : sha256(body),
          },
        },
        body,
        contentType: body === null ? null : "application/json",
      };
    },
  };
}

function partsOf(path: string): readonly Part[] {
  return path
    .split(/(\{[^{}]*\})/)
    .filter((text) => text !== "")
    .map((text) => (text.startsWith("{") ? { argument: text.slice(1, -1) } : { text }));
}

/**
 * Encoded, a slash is still a slash to services that decode before they route; so what would
 * climb after such a decoding is refused rather than encoded.
 */
function isSegment(value: Json | undefined): boolean {
  if (!isScalar(value)) return false;
  const text = scalarText(value);
  return text !== "" && !text.split(/[/\\]/).some((piece) => piece === "." || piece === "..");
}

/** Absent is fine; null has no form in a query, and neither has anything nested. */
function isQueryValue(value: Json | undefined): boolean {
  return value === undefined || isScalar(value) || (Array.isArray(value) && value.every(isScalar));
}

function queryOf(args: JsonObject, names: readonly string[]): string {
  return names
    .flatMap((name) => {
      const value = own(args, name);
      if (value === undefined) return [];
      const values: readonly Json[] = Array.isArray(value) ? value : [value];
      return values.map((one) => `${encode(name)}=${encode(scalarText(one))}`);
    })
    .join("&");
}

function isScalar(value: Json | undefined): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function scalarText(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** RFC 3986 unreserved stays; encodeURIComponent alone leaves `!'()*`, which some routers treat. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Those of these arguments that were given. */
export function pick(args: JsonObject, names: readonly string[]): JsonObject {
  const picked: Record<string, Json> = {};
  for (const name of names) {
    const value = own(args, name);
    if (value !== undefined) put(picked, name, value);
  }
  return picked;
}

function own(args: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined;
}
