import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import { put } from "./pointer.ts";

const WHOLE = /^-?(?:0|[1-9][0-9]{0,15})$/;
const DECIMAL = /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,14}[1-9])?$/;

type Coercion = (text: string) => Json | undefined;

/** Only what has one form as text, and comes back as that text: nothing is rounded, nothing guessed. */
const COERCIONS: { readonly [type: string]: Coercion } = {
  boolean: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  integer: (text) => (WHOLE.test(text) ? exactly(text, Number(text)) : undefined),
  number: (text) => (DECIMAL.test(text) ? exactly(text, Number(text)) : undefined),
};

function exactly(text: string, value: number): number | undefined {
  return JSON.stringify(value) === text ? value : undefined;
}

/**
 * Models write `"5"` where a number is asked for. An argument whose schema names one type, and that is no
 * text, is taken for what the text says, before anything is decided (see decision 0039).
 */
export function compileCoercion(schema: JsonObject): (args: JsonObject) => JsonObject {
  const properties = schema["properties"];
  const coercions = Object.entries(isObject(properties) ? properties : {}).flatMap(
    ([name, member]): readonly (readonly [string, Coercion])[] => {
      const type = isObject(member) ? member["type"] : undefined;
      const known = typeof type === "string" && Object.hasOwn(COERCIONS, type);
      const coercion = known ? COERCIONS[type] : undefined;
      return coercion === undefined ? [] : [[name, coercion]];
    },
  );
  return (args) => {
    const changed = coercions.flatMap(([name, coercion]) => {
      const given = Object.hasOwn(args, name) ? args[name] : undefined;
      const value = typeof given === "string" ? coercion(given) : undefined;
      return value === undefined ? [] : [[name, value] as const];
    });
    if (changed.length === 0) return args;
    const coerced: Record<string, Json> = { ...args };
    for (const [name, value] of changed) put(coerced, name, value);
    return coerced;
  };
}
