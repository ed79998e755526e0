import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { FORM_TYPE } from "../../core/model/operation.ts";
import type { HttpSlot } from "../bundle/model.ts";
import { type Plain, typesOf, withTypes } from "./combine.ts";
import { own, ownText } from "./reference.ts";

type Field =
  | {
      readonly schema: Plain;
      readonly form: HttpSlot["form"];
      /** Something of it has no form, and is not among its members. */
      readonly cut: boolean;
    }
  | { readonly fault: string };

const SCALARS: readonly string[] = ["string", "number", "integer", "boolean"];

export function isFormType(type: string): boolean {
  return type.split(";", 1)[0]?.trim().toLowerCase() === FORM_TYPE;
}

/**
 * How one parameter of a query, or one member of a form, is sent: a scalar; a list of scalars, repeated or
 * with commas; with `deepObject`, whatever comes down to scalars. `how` has its `style` and `explode`. Of
 * an object without a style OpenAPI 3.0 and 3.1 say different things.
 */
export function fieldForm(
  /** Null: nothing certain is known of it, so it is a text. */
  read: Plain | null,
  how: JsonObject,
): Field {
  if (read === null) return { schema: { type: "string" }, form: "plain", cut: false };
  const style = ownText(how, "style");
  const line = oneLine(read);
  if (line !== null) return { schema: line, form: "plain", cut: false };
  const kind = kindsOf(read).join();
  if (style === "deepObject" && (kind === "object" || kind === "array")) {
    const deep = bracketed(read);
    if (deep !== null) return { ...deep, form: "brackets" };
    return { fault: "deepObject says nothing of what has no certain type" };
  }
  if (kind === "object") return { fault: "an object has a form only with deepObject" };
  if (kind !== "array") return { fault: "what has no certain type has no form" };
  if (style !== undefined && style !== "form") {
    return { fault: "lists are sent repeated, separated by commas, or with deepObject" };
  }
  const items = isObject(read["items"]) ? oneLine(read["items"]) : { type: "string" };
  if (items === null) return { fault: "what is nested in a list has a form only with deepObject" };
  const form = own(how, "explode") === false ? "comma" : "plain";
  return { schema: { ...withoutNull(read), items }, form, cut: false };
}

/**
 * OpenAPI leaves open how `deepObject` sends what is nested, or a list: that it is `[key][key]` and `[0]`
 * is what most services read, and a guess.
 */
export function isGuess({ schema, form }: { schema: Plain; form: HttpSlot["form"] }): boolean {
  if (form !== "brackets") return false;
  const extra = schema["additionalProperties"];
  const members = [...membersOf(schema).map(([, one]) => one), ...(isObject(extra) ? [extra] : [])];
  return kindsOf(schema).join() === "array" || members.some((one) => oneLine(one) === null);
}

/** A scalar; null has no form there. Null: it is something else. */
export function oneLine(schema: Plain): Plain | null {
  const kinds = kindsOf(schema);
  const scalar = kinds.length > 0 && kinds.every((kind) => SCALARS.includes(kind));
  return scalar ? withoutNull(schema) : null;
}

/** What comes down to scalars; what does not, or what nobody described, does not go along. */
function bracketed(schema: Plain): { readonly schema: Plain; readonly cut: boolean } | null {
  const line = oneLine(schema);
  if (line !== null) return { schema: line, cut: false };
  const kind = kindsOf(schema).join();
  if (kind === "array") {
    const items = isObject(schema["items"]) ? bracketed(schema["items"]) : null;
    return items && { schema: { ...withoutNull(schema), items: items.schema }, cut: items.cut };
  }
  if (kind !== "object") return null;
  const must = (schema["required"] ?? []) as readonly Json[];
  const properties: Record<string, Json> = {};
  let cut = false;
  for (const [name, member] of membersOf(schema)) {
    const read = bracketed(member);
    if (read === null && must.includes(name)) return null;
    if (read !== null) properties[name] = read.schema;
    cut ||= read === null || read.cut;
  }
  const { additionalProperties: extra, properties: _, ...rest } = withoutNull(schema);
  const open = isObject(extra) ? bracketed(extra) : null;
  cut ||= isObject(extra) && (open === null || open.cut);
  const some = Object.keys(properties).length > 0;
  if (!some && open === null) return null;
  const sent = {
    ...rest,
    ...(some && { properties }),
    additionalProperties: open?.schema ?? false,
  };
  return { schema: sent, cut };
}

function membersOf(schema: Plain): readonly (readonly [string, Plain])[] {
  const { properties } = schema;
  return Object.entries(isObject(properties) ? properties : {}) as [string, Plain][];
}

function kindsOf(schema: Plain): readonly string[] {
  return typesOf(schema).filter((type) => type !== "null");
}

function withoutNull(schema: Plain): Plain {
  const { enum: options, default: given, ...rest } = schema;
  return {
    ...rest,
    type: withTypes(kindsOf(schema)),
    ...(Array.isArray(options) && { enum: options.filter((one) => one !== null) }),
    ...(given !== undefined && given !== null && { default: given }),
  };
}
