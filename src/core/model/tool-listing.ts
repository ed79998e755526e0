import type { JsonObject } from "./json.ts";

/** A tool as an agent is told of it: the members MCP gives it, and no others. */
export interface ToolListing {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations: { readonly readOnlyHint: boolean; readonly destructiveHint: boolean };
}
