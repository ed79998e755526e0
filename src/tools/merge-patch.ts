import { isObject, type Json } from "../core/model/json.ts";
import { put } from "./pointer.ts";

/** RFC 7396. Depth is bounded: both sides were parsed or shaped before. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else put(merged, key, mergePatch(Object.hasOwn(merged, key) ? merged[key]! : null, value));
  }
  return merged;
}
