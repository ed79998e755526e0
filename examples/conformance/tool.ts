import type {
  CallToolResult,
  InputRequiredResult,
  ServerContext as Context,
} from "@modelcontextprotocol/server";

export type Result = CallToolResult | InputRequiredResult;

/** One tool that the official MCP suite asks for, by the name under which it does. */
export interface SuiteTool {
  readonly description: string;
  readonly properties?: { readonly [name: string]: object };
  /** Instead of an object of these properties. */
  readonly schema?: { readonly type: "object"; readonly [keyword: string]: unknown };
  /** Of `structuredContent`. */
  readonly output?: { readonly type: "object"; readonly [keyword: string]: unknown };
  run(context: Context, args: { readonly [name: string]: unknown }): Result | Promise<Result>;
}

export interface SuiteTools {
  readonly [name: string]: SuiteTool;
}

export function text(value: string): CallToolResult {
  return { content: [{ type: "text", text: value }] };
}
