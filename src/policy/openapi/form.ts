import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { FORM_TYPE } from "../../core/model/operation.ts";
import type { HttpSlot } from "../bundle/model.ts";
import { type Plain, typesOf } from "./combine.ts";
import { own, ownText } from "./reference.ts";

type Field =
  | { readonly schema: Plain; readonly form: HttpSlot["form"] }
  | { readonly fault: string };

const SCALARS: readonly string[] = ["string", "number", "integer", "boolean"];

export function isFormType(type: string): boolean {
  return type.split(";", 1)[0]?.trim().toLowerCase() === FORM_TYPE;
}

/**
 * How one member of a form is sent, as far as OpenAPI says (3.0 and 3.1, Encoding Object): a scalar; a list
 * of scalars, repeated or with commas; with `deepObject`, an object of scalars. It says nothing of what is
 * nested deeper, and of an object without a style 3.0 and 3.1 say different things.
 */
export function fieldForm(
  /** What fits into a query: a scalar, or a list of such; null: the member is something else. */
  flat: Plain | null,
  member: Plain,
  encoding: Json | undefined,
  wire: string,
): Field {
  const said = isObject(encoding) ? own(encoding, wire) : undefined;
  const how: JsonObject = isObject(said) ? said : {};
  const style = ownText(how, "style");
  const types = typesOf(member).filter((type) => type !== "null");
  if (types.join() === "object") {
    if (style !== "deepObject") return { fault: "an object has a form only with deepObject" };
    const schema = flatObject(member);
    return schema === null
      ? { fault: "deepObject says nothing of lists and objects inside of an object" }
      : { schema, form: "brackets" };
  }
  if (flat === null) return { fault: "what is nested in a list has no form" };
  if (types.join() !== "array") return { schema: flat, form: "plain" };
  if (style !== undefined && style !== "form") {
    return { fault: "lists are sent repeated, or separated by commas" };
  }
  return { schema: flat, form: own(how, "explode") === false ? "comma" : "plain" };
}

/** An object whose members are one line of text each; what nobody described does not go along. */
function flatObject(member: Plain): Plain | null {
  const properties = isObject(member["properties"]) ? Object.values(member["properties"]) : [];
  const extra = member["additionalProperties"];
  const open = isObject(extra) ? [extra] : [];
  if (properties.length + open.length === 0) return null;
  const flat = [...properties, ...open].every((one) => isObject(one) && isScalar(one));
  return flat ? { ...member, type: "object", additionalProperties: open[0] ?? false } : null;
}

function isScalar(schema: Plain): boolean {
  const types = typesOf(schema);
  return types.length > 0 && types.every((type) => SCALARS.includes(type));
}
