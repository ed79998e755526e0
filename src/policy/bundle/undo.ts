import { canonical, isObject, type Json } from "../../core/model/json.ts";
import { hasEffect, TIERS } from "../../core/model/policy.ts";
import { find, type Located } from "./located.ts";
import type { ToolDescription } from "./model.ts";
import { expectKnown, type Place } from "./read.ts";
import type { ReadTool } from "./tool.ts";

/** Roots of what an undo's arguments are found in. */
const ROOTS = /^\/(?:arguments|before|after)(?:\/|$)/;

/** What a preview shows, so that the change of one tool can be the inverse of another's; null: none. */
function lookOf({ template }: ToolDescription): string | null {
  if (template.kind === "mcp" || template.preview === null) return null;
  const { kind, preview } = template;
  const schema = preview.schema as unknown as Json;
  return canonical({ kind, schema, ignore: [...preview.ignore].sort() });
}

/** A way back that does not fit would be found out when somebody needs it. */
export function checkUndo(
  description: ToolDescription,
  node: Located,
  tools: readonly ReadTool[],
  place: Place,
): void {
  const { undo, tool } = description;
  if (undo === null) return;
  const wrong = (message: string, fix: string): void =>
    place.report.add(place.file, node.offset, "undo_unfit", message, fix);
  if (tool.action !== "mutate" || tool.preview === null) {
    wrong(
      "only a change that a preview shows can be written back",
      'remove "undo", or give this tool a "preview"',
    );
  }
  const ids = tools.map(({ id }) => id);
  const at = find(node, "tool")?.offset ?? node.offset;
  if (!expectKnown(undo.tool, ids, at, "unknown_tool", "tool", "tools/", place)) return;
  // Of a tool with a mistake of its own, nothing more is certain.
  const other = tools.find(({ id }) => id === undo.tool)?.description;
  if (other === undefined) return;
  if (!hasEffect(other.tool.action)) {
    wrong(`"${undo.tool}" changes nothing`, 'name a tool of the action "mutate"');
  }
  if (lookOf(other) === null || lookOf(other) !== lookOf(description)) {
    wrong(
      `"${undo.tool}" does not look at what this tool looks at, so nothing could hold it against the change`,
      'give both the same "preview": its schema, and what it ignores',
    );
  }
  if (TIERS.indexOf(other.tool.tier) > TIERS.indexOf(tool.tier)) {
    wrong(
      `"${undo.tool}" is of the tier "${other.tool.tier}", above "${tool.tier}"`,
      "name a tool of the same tier or below",
    );
  }
  const { required, properties } = other.input;
  const needed = Array.isArray(required) ? required.map(String) : [];
  const given = Object.keys(undo.arguments);
  const missing = needed.filter((name) => !given.includes(name));
  const known = isObject(properties) ? properties : {};
  const unknown = given.filter((name) => !Object.hasOwn(known, name));
  if (missing.length > 0) {
    wrong(`"${undo.tool}" also needs ${missing.join(", ")}`, "say where each is found");
  }
  if (unknown.length > 0) {
    wrong(`"${undo.tool}" has no argument ${unknown.join(", ")}`, "remove it");
  }
  for (const [name, pointer] of Object.entries(undo.arguments)) {
    if (ROOTS.test(pointer)) continue;
    wrong(`"${pointer}" of "${name}" leads nowhere`, "begin it with /arguments, /before or /after");
  }
}
