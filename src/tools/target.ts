import { canonical, type JsonObject } from "../core/model/json.ts";
import { pick } from "./render-http.ts";

/** A human's no holds for every call of the tool with the same target, however else it differs. */
export function compileTarget(names: readonly string[]): (args: JsonObject) => string {
  return (args) => canonical(pick(args, names));
}
