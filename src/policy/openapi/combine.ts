import { canonical, isObject, type Json, type JsonObject } from "../../core/model/json.ts";

/** A schema of our own dialect, as conversion makes it: one or more types, no combinators. */
export type Plain = JsonObject;

export function typesOf(schema: Plain): readonly string[] {
  const type = schema["type"];
  if (typeof type === "string") return [type];
  return Array.isArray(type) ? (type as readonly string[]) : [];
}

export function withTypes(types: readonly string[]): Json {
  return types.length === 1 ? (types[0] as string) : types;
}

/** A value that matches all of them. Where two disagree the first one is believed. */
export function allOf(schemas: readonly Plain[]): Plain {
  return schemas.reduce((one, other) => both(one, other), {});
}

function both(one: Plain, other: Plain): Plain {
  const types = typesOf(one).filter((type) => typesOf(other).includes(type));
  const merged: Record<string, Json> = { ...other, ...one };
  if (types.length > 0) merged["type"] = withTypes(types);
  const properties = { ...membersOf(one) };
  for (const [name, schema] of Object.entries(membersOf(other))) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    properties[name] = known === undefined ? schema : both(known, schema);
  }
  if (Object.keys(properties).length > 0) merged["properties"] = properties;
  const required = [...new Set([...requiredOf(one), ...requiredOf(other)])];
  if (required.length > 0) merged["required"] = required;
  // Each part of an `allOf` knows only its own members: "no others" of one would refuse the other's.
  if (merged["additionalProperties"] === false && "properties" in one && "properties" in other) {
    delete merged["additionalProperties"];
  }
  return merged;
}

/** A value that matches any of them, as one schema that lets all of them pass; null: there is none. */
export function anyOf(schemas: readonly Plain[]): Plain | null {
  const [first, ...others] = schemas;
  if (first === undefined) return null;
  return others.reduce<Plain | null>((one, other) => one && either(one, other), first);
}

function either(one: Plain, other: Plain): Plain | null {
  if (canonical(one) === canonical(other)) return one;
  const types = [...new Set([...typesOf(one), ...typesOf(other)])];
  const kinds = types.filter((type) => type !== "null");
  const [a, b] = [one, other].map((schema) => typesOf(schema).filter((type) => type !== "null"));
  if (a === undefined || b === undefined || types.length === 0) return null;
  // Only `null` is added by one of the two.
  if (a.length === 0 || b.length === 0) {
    return nullable(a.length === 0 ? other : one, types);
  }
  if (kinds.length === 1 && kinds[0] === "object") return eitherObject(one, other, types);
  if (kinds.length === 1 && kinds[0] === "array") return eitherArray(one, other, types);
  if (kinds.some((type) => type === "object" || type === "array")) return null;
  const options = [one["enum"], other["enum"]];
  return {
    type: withTypes(kinds.includes("number") ? types.filter((type) => type !== "integer") : types),
    ...(options.every(Array.isArray) && {
      enum: [...new Set(options.flatMap((list) => list as readonly Json[]))],
    }),
  };
}

function nullable(schema: Plain, types: readonly string[]): Plain {
  const options = schema["enum"];
  return {
    ...schema,
    type: withTypes(types),
    ...(Array.isArray(options) && !options.includes(null) && { enum: [...options, null] }),
  };
}

function eitherObject(one: Plain, other: Plain, types: readonly string[]): Plain | null {
  const properties: Record<string, Json> = {};
  for (const name of new Set([...Object.keys(membersOf(one)), ...Object.keys(membersOf(other))])) {
    const found = [one, other].flatMap((schema) => {
      const members = membersOf(schema);
      return Object.hasOwn(members, name) ? [members[name] as Plain] : [];
    });
    const member = anyOf(found);
    if (member !== null) properties[name] = member;
  }
  const extras = [one, other].map((schema) => schema["additionalProperties"]);
  const schemas = extras.filter(isObject);
  const extra = schemas.length > 0 ? anyOf(schemas) : null;
  const required = requiredOf(one).filter(
    (name) => requiredOf(other).includes(name) && Object.hasOwn(properties, name),
  );
  return {
    type: withTypes(types),
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
    ...(extra !== null && { additionalProperties: extra }),
    ...(extra === null && extras.every((one) => one === false) && { additionalProperties: false }),
  };
}

function eitherArray(one: Plain, other: Plain, types: readonly string[]): Plain {
  const items = [one["items"], other["items"]].filter(isObject);
  const merged = items.length === 2 ? anyOf(items) : null;
  return { type: withTypes(types), ...(merged !== null && { items: merged }) };
}

function membersOf(schema: Plain): { readonly [name: string]: Plain } {
  const properties = schema["properties"];
  return isObject(properties) ? (properties as { readonly [name: string]: Plain }) : {};
}

function requiredOf(schema: Plain): readonly string[] {
  const required = schema["required"];
  return Array.isArray(required) ? (required as readonly string[]) : [];
}
