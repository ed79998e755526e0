import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { type Plain, typesOf } from "./combine.ts";
import { type Sensitivity, sensitivityOf } from "./guess.ts";
import type { Notes } from "./note.ts";
import { type At, into, own, type References } from "./reference.ts";
import { Schemas } from "./schema.ts";

export interface Described {
  readonly output: JsonObject;
  readonly levels: ReadonlySet<Sensitivity>;
}

export type ClassOf = (level: Sensitivity) => string;

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json\b/i;
/** What an answer that is no object is called inside of one: results are always objects. */
const WRAP = "items";

/** What an operation answers when it succeeds. */
export function describeOutput(
  operation: At,
  references: References,
  classOf: ClassOf,
  notes: Notes,
): Described {
  const content = successContent(operation, references);
  const types = content === null ? [] : Object.keys(content.value as JsonObject);
  const json = types.find((type) => JSON_TYPE.test(type));
  if (content !== null && json !== undefined) {
    const media = into(content, json);
    const given = isObject(media.value) && own(media.value, "schema") !== undefined;
    const schema = given
      ? new Schemas(references, notes, "output").read(into(media, "schema"))
      : null;
    const described = schema && structured(schema, classOf);
    if (described) return described;
    notes.add("changed", "response_missing", media.pointer, "no certain form: one text, one class");
  }
  const text = json !== undefined || types.some((type) => /^text\//i.test(type));
  const kind = text ? "text" : "binary";
  return { output: { kind, dataClass: classOf("record") }, levels: new Set(["record"]) };
}

/** The content of the first answer that means success and has some. */
function successContent(operation: At, references: References): At | null {
  const responses = into(operation, "responses");
  if (!isObject(responses.value)) return null;
  const codes = Object.keys(responses.value).filter((code) => /^2(?:\d\d|XX)$/i.test(code));
  for (const code of codes.toSorted()) {
    const response = references.resolve(into(responses, code));
    if (response === null || !isObject(response.value)) continue;
    const content = into(response, "content");
    if (isObject(content.value) && Object.keys(content.value).length > 0) return content;
  }
  return null;
}

function structured(schema: Plain, classOf: ClassOf): Described | null {
  const levels = new Set<Sensitivity>(["record"]);
  const wrapped = typesOf(schema).join() === "object" ? schema : wrap(schema);
  const annotated = wrapped && annotate(wrapped, "record", classOf, levels);
  if (annotated === null) return null;
  const output = {
    kind: "json",
    ...(wrapped !== schema && { wrap: WRAP }),
    schema: { ...annotated, dataClass: classOf("record") },
  };
  return { output: output as JsonObject, levels };
}

/** An object that may also be null is taken for the object: a root is always one. */
function wrap(schema: Plain): Plain | null {
  const types = typesOf(schema).filter((type) => type !== "null");
  if (types.join() === "object") return { ...schema, type: "object" };
  if (types.join() !== "array") return null;
  const { items } = schema;
  return {
    type: "object",
    properties: { [WRAP]: { type: "array", ...(items !== undefined && { items }) } },
    required: [WRAP],
    additionalProperties: false,
  };
}

/** Closed at every level, with a class of its own wherever a name gives away more than its record. */
function annotate(
  schema: Plain,
  around: Sensitivity,
  classOf: ClassOf,
  levels: Set<Sensitivity>,
): Plain | null {
  const kinds = typesOf(schema).filter((type) => type !== "null");
  if (kinds.length === 0 && typesOf(schema).length === 0) return null;
  const closed: Record<string, Json> = { ...schema };
  if (kinds.includes("array")) {
    const items = isObject(schema["items"])
      ? annotate(schema["items"], around, classOf, levels)
      : null;
    if (items === null) return null;
    closed["items"] = items;
    return closed;
  }
  if (!kinds.includes("object")) return closed;
  const properties: Record<string, Json> = {};
  for (const [name, member] of Object.entries((schema["properties"] ?? {}) as JsonObject)) {
    const level = worse(sensitivityOf(name), around);
    const inner = annotate(member as Plain, level, classOf, levels);
    if (inner === null) continue;
    levels.add(level);
    properties[name] = level === around ? inner : { ...inner, dataClass: classOf(level) };
  }
  const names = Object.keys(properties);
  const extra = isObject(schema["additionalProperties"])
    ? annotate(schema["additionalProperties"], around, classOf, levels)
    : null;
  if (names.length === 0 && extra === null) return null;
  delete closed["properties"];
  delete closed["required"];
  if (names.length > 0) closed["properties"] = properties;
  const required = ((schema["required"] ?? []) as readonly string[]).filter((name) =>
    names.includes(name),
  );
  if (required.length > 0) closed["required"] = required;
  closed["additionalProperties"] = extra ?? false;
  return closed;
}

function worse(one: Sensitivity, other: Sensitivity): Sensitivity {
  if (one === "secret" || other === "secret") return "secret";
  return one === "personal" || other === "personal" ? "personal" : "record";
}
