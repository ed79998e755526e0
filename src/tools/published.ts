import type { Json, JsonObject } from "../core/model/json.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { type OutputNode, type OutputTree, typesOf } from "./classify.ts";
import { put } from "./pointer.ts";

const COPIED = [
  "title",
  "description",
  "format",
  "pattern",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "maxItems",
] as const satisfies readonly (keyof AnnotatedSchema)[];

/** Of a query: which columns there are, and of what type, its author knows. */
export const ROWS: JsonObject = {
  type: "object",
  properties: { rows: { type: "array", items: { type: "object" } } },
  required: ["rows"],
  additionalProperties: false,
};

/**
 * What an agent is told a tool returns: a schema that holds under every plan, because what arrives
 * after redaction must satisfy what was advertised. Classes and conditions are not told.
 */
export function publish(tree: OutputTree): JsonObject {
  return publishNode(tree.root, false);
}

function publishNode(node: OutputNode, nullable: boolean): JsonObject {
  const { schema } = node;
  const published: Record<string, Json> = { type: publishedType(node, nullable) };
  for (const keyword of COPIED) {
    const value = schema[keyword];
    if (value !== undefined) published[keyword] = value;
  }
  const options = publishedOptions(schema, nullable);
  if (options !== null) published["enum"] = options;
  if (node.kind === "object") publishMembers(node, published);
  if (node.kind === "array") publishItems(node, published);
  return published;
}

function publishedType(node: OutputNode, nullable: boolean): Json {
  const types = typesOf(node.schema);
  if (nullable && !types.includes("null")) return [...types, "null"];
  return types.length === 1 ? (types[0] as string) : types;
}

/** A constant object or array cannot be promised once something inside it may be withheld. */
function publishedOptions(schema: AnnotatedSchema, nullable: boolean): readonly Json[] | null {
  const options = schema.const === undefined ? schema.enum : [schema.const];
  const whole = (option: Json): boolean => typeof option === "object" && option !== null;
  if (options === undefined || options.some(whole)) return null;
  return nullable && !options.includes(null) ? [...options, null] : options;
}

function publishMembers(node: OutputNode, published: Record<string, Json>): void {
  const properties: Record<string, Json> = {};
  const required: string[] = [];
  for (const { key, required: must, node: member } of node.properties) {
    if (member.classes.length === 0) continue;
    put(properties, key, publishNode(member, nullableInside(node, member)));
    if (must) required.push(key);
  }
  published["properties"] = properties;
  if (required.length > 0) published["required"] = required;
  const { extra } = node;
  published["additionalProperties"] =
    extra !== null && extra.classes.length > 0
      ? publishNode(extra, nullableInside(node, extra))
      : false;
}

function publishItems(node: OutputNode, published: Record<string, Json>): void {
  const { items, schema } = node;
  if (items === null) return;
  published["items"] = publishNode(items, nullableInside(node, items));
  if (schema.minItems !== undefined && items.records.length === 0) {
    published["minItems"] = schema.minItems;
  }
}

/**
 * Redaction takes the largest subtree it can: what always goes together with its parent is never
 * null by itself, unless the parent is the root (kept), or the value a record that is no item.
 */
function nullableInside(parent: OutputNode, node: OutputNode): boolean {
  const sameFate = parent.path !== "" && parent.classes.join(" ") === node.classes.join(" ");
  return !sameFate || (node.records.length > 0 && node !== parent.items);
}
