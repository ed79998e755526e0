import type { McpTemplate } from "../policy/bundle/model.ts";
import type { Renderer } from "./renderer.ts";

/** Arguments go as the object they are, under the schema that was reviewed: there is no slot to leave. */
export function compileMcp({ tool, pin }: McpTemplate, destination: string): Renderer {
  return {
    misplaced: () => [],
    render: (args) => ({
      operation: { mcp: { destination, tool, args, pin } },
      body: null,
      contentType: null,
    }),
  };
}
