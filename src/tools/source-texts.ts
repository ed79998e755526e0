import { isObject, type Json, type JsonObject } from "../core/model/json.ts";

/**
 * The texts of the arguments whose origin policy asks about. Everything an agent chose is one: names
 * of members, too, unless the input schema fixes them. An argument that was not given has none.
 */
export function compileSourceTexts(
  names: readonly string[],
  input: JsonObject,
): (args: JsonObject) => ReadonlyMap<string, readonly string[]> {
  return (args) =>
    new Map(
      names.map((name) => [
        name,
        Object.hasOwn(args, name) ? textsOf(args[name]!, memberOf(input, name)) : [],
      ]),
    );
}

/** Leaves and names of members as text: a string as it is, everything else in its JSON form. */
export function textsOf(value: Json, schema?: Json): readonly string[] {
  const texts = new Set<string>();
  eachText(value, schema, (text) => {
    texts.add(text);
    return true;
  });
  return [...texts];
}

/** In order, repetitions included, until `see` has had enough; false: it had. */
export function eachText(
  value: Json,
  schema: Json | undefined,
  see: (text: string) => boolean,
): boolean {
  if (typeof value === "string") return see(value);
  if (Array.isArray(value)) {
    const items = isObject(schema) ? schema["items"] : undefined;
    return (value as readonly Json[]).every((item) => eachText(item, items, see));
  }
  if (!isObject(value)) return see(JSON.stringify(value));
  return Object.entries(value).every(([key, member]) => {
    const declared = memberOf(schema, key);
    return (declared !== undefined || see(key)) && eachText(member, declared, see);
  });
}

/** Where the schema says it in another way (`$ref`, `anyOf`), a name counts as chosen. */
function memberOf(schema: Json | undefined, key: string): Json | undefined {
  const properties = isObject(schema) ? schema["properties"] : undefined;
  return isObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
}
