import type { Json, JsonObject } from "../core/model/json.ts";
import type { UndoDescription } from "../policy/bundle/model.ts";
import { put, resolvePointer } from "./pointer.ts";

export type Undo = { readonly tool: string; readonly arguments: JsonObject } | null;

/**
 * The call that writes the state before back. Null where any of it is missing: half of an undo is
 * another change that nobody asked for.
 */
export function undoOf(
  description: UndoDescription | null,
  args: JsonObject,
  observed: { readonly before: Json; readonly after: Json },
): Undo {
  if (description === null) return null;
  const from = { arguments: args, before: observed.before, after: observed.after };
  const made: Record<string, Json> = {};
  for (const [name, pointer] of Object.entries(description.arguments)) {
    const value = resolvePointer(from, pointer);
    if (value === undefined) return null;
    put(made, name, value);
  }
  return { tool: description.tool, arguments: made };
}
