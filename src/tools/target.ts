import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import { put } from "./pointer.ts";

/** A human's no holds for every call of the tool with the same target, however else it differs. */
export function compileTarget(names: readonly string[]): (args: JsonObject) => string {
  return (args) => canonical(given(args, names));
}

function given(args: JsonObject, names: readonly string[]): JsonObject {
  const picked: Record<string, Json> = {};
  for (const name of names) {
    if (Object.hasOwn(args, name)) put(picked, name, args[name]);
  }
  return picked;
}
