import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import { FORM_TYPE } from "../core/model/operation.ts";
import type { HttpSlot, HttpTemplate } from "../policy/bundle/model.ts";
import { bracketFields, isBracketed } from "./brackets.ts";
import { encode, isScalar, scalarText } from "./field-text.ts";
import { MAX_HEADER_CHARS } from "./limits.ts";
import { pointer, put } from "./pointer.ts";
import type { Renderer } from "./renderer.ts";

type Part = { readonly text: string } | { readonly argument: string };

/**
 * Each argument is encoded for its slot and cannot leave it: whatever is not an unreserved
 * character of RFC 3986 goes out percent-encoded, so no argument adds a segment, a parameter, a
 * fragment or a header line. Path and query then stand in the signed operation exactly as sent.
 */
export function compileHttp(
  template: Pick<
    HttpTemplate,
    "method" | "path" | "query" | "headers" | "cookies" | "body" | "encoding"
  >,
  destination: string,
  sha256: (text: string) => string,
): Renderer {
  const parts = partsOf(template.path);
  const inPath = parts.flatMap((part) => ("argument" in part ? [part.argument] : []));
  return {
    misplaced(args) {
      return [
        ...inPath.filter((name) => !isSegment(own(args, name))),
        ...unfit([...template.query, ...formOf(template)], args, isField),
        ...unfit(template.headers, args, isHeaderValue),
        ...unfit(template.cookies, args, isCookieValue),
      ].map((name) => pointer([name]));
    },
    render(args) {
      const isForm = template.encoding === "form";
      const fields = fieldsOf(args, formOf(template));
      // A form without a field is no body: nobody could tell the two apart.
      const body = isForm ? fields || null : jsonOf(template.body, args);
      const headers = headersOf(template, args);
      const path = parts.map((part) =>
        "text" in part ? part.text : encode(scalarText(own(args, part.argument))),
      );
      return {
        operation: {
          http: {
            method: template.method,
            destination,
            path: path.join(""),
            query: fieldsOf(args, template.query),
            contentDigest: body === null ? null : sha256(body),
            ...(Object.keys(headers).length > 0 && { headers }),
            ...(isForm && body !== null && { contentType: FORM_TYPE }),
          },
        },
        body,
        contentType: body === null ? null : isForm ? FORM_TYPE : "application/json",
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

function unfit(
  slots: readonly HttpSlot[],
  args: JsonObject,
  fits: (value: Json, slot: HttpSlot) => boolean,
): readonly string[] {
  return slots.flatMap((slot) => {
    const value = own(args, slot.argument);
    return value === undefined || fits(value, slot) ? [] : [slot.argument];
  });
}

/**
 * Of a query or a form. Null has no form there, and without brackets neither has anything nested; a comma
 * would add to a list of commas.
 */
function isField(value: Json, { form }: HttpSlot): boolean {
  if (form === "brackets") return isBracketed(value);
  if (!Array.isArray(value)) return isScalar(value);
  const list = value as readonly Json[];
  return list.every((one) => isScalar(one) && !(form === "comma" && scalarText(one).includes(",")));
}

/**
 * RFC 9110 §5.5, visible ASCII with blanks inside: nothing is encoded here, so what would end the
 * line, or be cut off at its ends, is refused.
 */
function isHeaderValue(value: Json): boolean {
  if (!isScalar(value)) return false;
  const text = scalarText(value);
  return text.length <= MAX_HEADER_CHARS && /^[!-~](?:[ -~]*[!-~])?$/.test(text);
}

/** Percent-encoded, a value ends neither its cookie nor the line; too long, the service drops both. */
function isCookieValue(value: Json): boolean {
  return isScalar(value) && encode(scalarText(value)).length <= MAX_HEADER_CHARS;
}

function formOf({ encoding, body }: Pick<HttpTemplate, "encoding" | "body">): readonly HttpSlot[] {
  return encoding === "form" && body !== null && !("argument" in body) ? body : [];
}

/**
 * `name=value` pairs of a query or a form. Whatever is no unreserved character is percent-encoded, the
 * blank and the plus sign, too: no value ends its field or begins another one.
 */
function fieldsOf(args: JsonObject, slots: readonly HttpSlot[]): string {
  return slots
    .flatMap(({ argument, name, form }) => {
      const value = own(args, argument);
      if (value === undefined) return [];
      if (form === "brackets") return bracketFields(name, value);
      const values = (Array.isArray(value) ? (value as readonly Json[]) : [value]).map((one) =>
        encode(scalarText(one)),
      );
      const parts = form === "comma" ? (values.length === 0 ? [] : [values.join(",")]) : values;
      return parts.map((part) => `${encode(name)}=${part}`);
    })
    .join("&");
}

function headersOf(
  { headers, cookies }: Pick<HttpTemplate, "headers" | "cookies">,
  args: JsonObject,
): { readonly [name: string]: string } {
  const sent: Record<string, string> = {};
  for (const { argument, name } of headers) {
    const value = own(args, argument);
    if (value !== undefined) sent[name] = scalarText(value);
  }
  const pairs = cookies.flatMap(({ argument, name }) => {
    const value = own(args, argument);
    return value === undefined ? [] : [`${name}=${encode(scalarText(value))}`];
  });
  if (pairs.length > 0) sent["cookie"] = pairs.join("; ");
  return sent;
}

function jsonOf(body: HttpTemplate["body"], args: JsonObject): string | null {
  const content = bodyOf(body, args);
  return content === undefined ? null : canonical(content);
}

/** Undefined: no body is sent. */
export function bodyOf(body: HttpTemplate["body"], args: JsonObject): Json | undefined {
  if (body === null) return undefined;
  if ("argument" in body) return own(args, body.argument);
  const members: Record<string, Json> = {};
  for (const { argument, name } of body) {
    const value = own(args, argument);
    if (value !== undefined) put(members, name, value);
  }
  return members;
}

function own(args: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined;
}
