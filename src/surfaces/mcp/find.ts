import type { CallToolResult } from "@modelcontextprotocol/server";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import type { ToolListing } from "../../core/model/tool-listing.ts";
import { DEFAULT_FOUND, MAX_FOUND } from "../../tools/selection.ts";

/** From so many tools on, a list is more than a model reads well, and looking is offered. */
export const FIND_FROM = 20;

const INPUT: JsonObject = {
  type: "object",
  properties: {
    task: { type: "string", minLength: 1, description: "What is to be done, in a few words." },
    limit: { type: "integer", minimum: 1, maximum: MAX_FOUND, default: DEFAULT_FOUND },
  },
  required: ["task"],
  additionalProperties: false,
};

/** No tool of a service: it looks through the list that this seat has, and calls nothing. */
export const FIND_TOOLS: ToolListing = {
  name: "find_tools",
  title: "Find tools",
  description:
    "Looks through the tools you may call, and names those that fit a task, the best first.",
  inputSchema: INPUT,
  outputSchema: {
    type: "object",
    properties: { tools: { type: "array", items: { type: "object" } } },
    required: ["tools"],
  },
  annotations: { readOnlyHint: true, destructiveHint: false },
};

export function finder(listed: readonly ToolListing[]): readonly ToolListing[] {
  const taken = listed.some(({ name }) => name === FIND_TOOLS.name);
  return listed.length < FIND_FROM || taken ? [] : [FIND_TOOLS];
}

/** Task and how many; null: these are no such arguments. */
export function taskOf(args: unknown): readonly [string, number] | null {
  const { task, limit = DEFAULT_FOUND, ...more } = isObject(args) ? args : {};
  const counts = typeof limit === "number" && Number.isInteger(limit);
  const fits = counts && limit >= 1 && limit <= MAX_FOUND && Object.keys(more).length === 0;
  return fits && typeof task === "string" && task !== "" ? [task, limit] : null;
}

/** As a result, which a model reads and corrects; a protocol error ends up with its programmer (SEP-1303). */
export function misasked(): CallToolResult {
  const text = `find_tools takes a "task" and a "limit" from 1 to ${MAX_FOUND}`;
  return { content: [{ type: "text", text }], isError: true };
}

export function findResult(tools: readonly ToolListing[]): CallToolResult {
  const structuredContent = { tools };
  return {
    content: [{ type: "text", text: JSON.stringify(structuredContent) }],
    structuredContent: structuredContent as unknown as { [name: string]: unknown },
  };
}
