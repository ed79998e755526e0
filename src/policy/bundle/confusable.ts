import { foldName } from "../../core/model/name-fold.ts";
import type { ReadTool } from "./tool.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

/**
 * Tools whose ids, or whose names at one MCP server, a hurried reader takes for each other: each with
 * the one it passes for. A second one is how a tool is shadowed.
 */
export function confusables(
  tools: readonly ReadTool[],
): readonly (Named & { readonly like: Named })[] {
  const seen = new Map<string, Named>();
  const found: (Named & { readonly like: Named })[] = [];
  const look = (scope: string, id: string, name: string): void => {
    const form = `${scope} ${foldName(name)}`;
    const like = seen.get(form);
    if (like === undefined) seen.set(form, { id, name });
    else found.push({ id, name, like });
  };
  for (const { id } of tools) look("", id, id);
  for (const { id, description } of tools) {
    if (description?.template.kind !== "mcp") continue;
    look(description.destination.id, id, description.template.tool);
  }
  return found;
}
