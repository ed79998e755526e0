import { isObject, type JsonObject } from "../../core/model/json.ts";
import { isRequestHeader } from "../../core/model/header-names.ts";
import { type Plain, typesOf } from "./combine.ts";
import type { HttpSlot } from "../bundle/model.ts";
import { fieldForm, isFormType, oneLine } from "./form.ts";
import type { NoteCode, Notes } from "./note.ts";
import { type At, into, own, ownText, type References } from "./reference.ts";
import { Schemas } from "./schema.ts";
import { MAX_PARAMETER_CHARS } from "./limits.ts";
import { argumentName, cleanText } from "./text.ts";

export type Slot = "path" | "query" | "headers" | "cookies" | "body";

/** One argument, and the place of the request it goes to. */
export interface Argument {
  readonly name: string;
  readonly slot: Slot;
  readonly wire: string;
  readonly form: HttpSlot["form"];
  readonly schema: Plain;
  readonly required: boolean;
}

export interface Arguments {
  readonly list: readonly Argument[];
  /**
   * `members`: an object of arguments; `whole`: one argument is the body; `form`: the fields of an HTML
   * form; null: there is none.
   */
  readonly body: "members" | "whole" | "form" | null;
}

const SLOTS: { readonly [place: string]: Slot } = {
  path: "path",
  query: "query",
  header: "headers",
  cookie: "cookies",
};
/** RFC 6265 cookie-name, RFC 9110 token. */
const COOKIE_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json\b/i;

/** Why a parameter cannot be sent: without a required one there is no operation. */
interface Fault {
  readonly fault: NoteCode;
  readonly why: string;
}

/** Null: something the operation needs cannot be sent, and the notes say what. */
export function readArguments(
  parameters: readonly At[],
  operation: At,
  /** Headers that the connector injects: an agent has no say in them. */
  injected: ReadonlySet<string>,
  references: References,
  notes: Notes,
): Arguments | null {
  const schemas = new Schemas(references, notes, "input");
  const forms = new Schemas(references, notes, "form");
  const taken = new Set<string>();
  const list: Argument[] = [];
  for (const at of parameters) {
    const required = own(at.value as JsonObject, "required") === true;
    const read = readParameter(at, injected, isDeep(at) ? forms : schemas, notes);
    if (read === null) continue;
    if (!("fault" in read)) {
      list.push({ ...read, name: unique(read.wire, read.slot, taken) });
      continue;
    }
    const path = ownText(at.value as JsonObject, "in") === "path";
    const level = required || path ? "skipped" : "changed";
    notes.add(level, read.fault, at.pointer, read.why);
    if (level === "skipped") return null;
  }
  const body = readBody(operation, { schemas, forms }, references, taken, list, notes);
  return body === undefined ? null : { list, body };
}

/** Null: none of the agent's business. */
function readParameter(
  at: At,
  injected: ReadonlySet<string>,
  schemas: Schemas,
  notes: Notes,
): Omit<Argument, "name"> | Fault | null {
  const parameter = at.value as JsonObject;
  const wire = ownText(parameter, "name") ?? "";
  const place = ownText(parameter, "in") ?? "";
  const slot = Object.hasOwn(SLOTS, place) ? SLOTS[place] : undefined;
  if (slot === undefined || wire === "" || wire.length > 200) {
    return { fault: "parameter_malformed", why: "no name, or no place that is known" };
  }
  if (slot === "headers" && isIgnored(wire.toLowerCase(), injected)) return null;
  if (slot === "headers" && !isFree(wire.toLowerCase())) {
    return { fault: "parameter_reserved", why: "this header is not an agent's to set" };
  }
  if (slot === "cookies" && !COOKIE_NAME.test(wire)) {
    return { fault: "parameter_name", why: "a cookie cannot have this name" };
  }
  if (slot === "query" && /^__proto__$|[\p{C}\p{Zl}\p{Zp}]/u.test(wire)) {
    return { fault: "parameter_name", why: "no name that everybody reads as the same" };
  }
  if (own(parameter, "schema") === undefined) {
    return { fault: "parameter_style", why: "a parameter without a plain schema" };
  }
  const given = schemas.read(into(at, "schema"));
  const sent = slot === "query" ? fieldForm(given, parameter) : inOneLine(given);
  if ("fault" in sent) return { fault: "parameter_style", why: sent.fault };
  if (sent.cut) notes.add("changed", "parameter_style", at.pointer, CUT);
  return {
    slot,
    wire: slot === "headers" ? wire.toLowerCase() : wire,
    form: sent.form,
    schema: described(sent.schema, parameter),
    required: slot === "path" || own(parameter, "required") === true,
  };
}

const CUT = "members of it that have no form are left out";

/** Only there an object has a form, so that it is the one to choose among alternatives. */
function isDeep({ value }: At): boolean {
  const parameter = value as JsonObject;
  return ownText(parameter, "in") === "query" && ownText(parameter, "style") === "deepObject";
}

function inOneLine(read: Plain | null): ReturnType<typeof fieldForm> {
  const schema = read === null ? { type: "string" } : oneLine(read);
  if (schema === null) return { fault: "objects and lists have no certain form here" };
  return { schema, form: "plain", cut: false };
}

/** The specification says that three of them are ignored; what the connector injects is no argument. */
function isIgnored(name: string, injected: ReadonlySet<string>): boolean {
  return ["accept", "content-type", "authorization"].includes(name) || injected.has(name);
}

function isFree(name: string): boolean {
  return isRequestHeader(name);
}

function described(schema: Plain, parameter: JsonObject): Plain {
  const text =
    own(schema, "description") === undefined ? ownText(parameter, "description") : undefined;
  const description = text === undefined ? "" : cleanText(text, MAX_PARAMETER_CHARS);
  return description === "" ? schema : { ...schema, description };
}

/** Undefined: the operation needs a body that cannot be sent. */
function readBody(
  operation: At,
  { schemas, forms }: { readonly schemas: Schemas; readonly forms: Schemas },
  references: References,
  taken: Set<string>,
  list: Argument[],
  notes: Notes,
): Arguments["body"] | undefined {
  const given = own(operation.value as JsonObject, "requestBody");
  if (given === undefined) return null;
  const body = references.resolve(into(operation, "requestBody"));
  const content = body && isObject(body.value) ? into(body, "content") : null;
  const required = body !== null && own(body.value as JsonObject, "required") === true;
  const types = isObject(content?.value) ? Object.keys(content.value) : [];
  const json = types.find((type) => JSON_TYPE.test(type)) ?? types.find((type) => type === "*/*");
  const form = json === undefined ? types.find(isFormType) : undefined;
  if (content !== null && form !== undefined) {
    const media = into(content, form);
    return readForm(media, required, forms, taken, list, notes);
  }
  if (content === null || json === undefined) {
    const message = types.some((type) => type.startsWith("multipart/"))
      ? "a body in parts, with files, is not sent; only JSON and plain forms are"
      : "only bodies in JSON and plain forms are sent";
    const { pointer } = body ?? operation;
    notes.add(required ? "skipped" : "changed", "body_media_type", pointer, message);
    return required ? undefined : null;
  }
  const media = into(content, json);
  const has = isObject(media.value) && own(media.value, "schema") !== undefined;
  const schema = has ? schemas.read(into(media, "schema")) : null;
  const members = schema?.["properties"];
  if (schema !== null && isObject(members) && typesOf(schema).includes("object")) {
    const must = (schema["required"] ?? []) as readonly string[];
    for (const [wire, member] of Object.entries(members)) {
      const name = unique(wire, "body", taken);
      const one = { name, slot: "body", wire, form: "plain", schema: member as Plain } as const;
      list.push({ ...one, required: must.includes(wire) });
    }
    return "members";
  }
  const name = unique("body", "body", taken);
  list.push({ name, slot: "body", wire: "", form: "plain", schema: schema ?? {}, required });
  return "whole";
}

/** Undefined: it needs a field that has no form, or nobody says what its fields are. */
function readForm(
  media: At,
  needed: boolean,
  schemas: Schemas,
  taken: Set<string>,
  list: Argument[],
  notes: Notes,
): "form" | null | undefined {
  const schema = schemas.read(into(media, "schema"));
  const members = schema?.["properties"];
  const must = (schema?.["required"] ?? []) as readonly string[];
  const encoding = own(media.value as JsonObject, "encoding");
  const fields = Object.entries(isObject(members) ? members : {}).flatMap(([wire, member]) => {
    const how = isObject(encoding) ? own(encoding, wire) : undefined;
    const field = fieldForm(member as Plain, isObject(how) ? how : {});
    const required = must.includes(wire);
    const at = `${media.pointer}/schema/properties/${wire.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (!("fault" in field)) {
      if (field.cut) notes.add("changed", "parameter_style", at, CUT);
      return [{ schema: field.schema, form: field.form, wire, required }];
    }
    notes.add(required ? "skipped" : "changed", "parameter_style", at, field.fault);
    return required ? [null] : [];
  });
  if (fields.includes(null)) return undefined;
  const sent = fields.filter((one) => one !== null);
  if (sent.length === 0) {
    const level = needed ? "skipped" : "changed";
    notes.add(level, "body_media_type", media.pointer, "a form without a field that can be sent");
    return needed ? undefined : null;
  }
  for (const { wire, ...field } of sent) {
    list.push({ ...field, name: unique(wire, "body", taken), slot: "body", wire });
  }
  return "form";
}

/** The name on the wire as far as it can be; what is taken already gets the name of its place. */
function unique(wire: string, slot: Slot, taken: Set<string>): string {
  const plain = argumentName(wire);
  const placed = `${slot}${plain.charAt(0).toUpperCase()}${plain.slice(1)}`.slice(0, 60);
  let name = taken.has(plain) ? placed : plain;
  for (let n = 2; taken.has(name); n++) name = `${placed}${n}`;
  taken.add(name);
  return name;
}
