import { MCP_TOOL_NAME, PIN } from "../../core/model/operation.ts";
import { find, type Located } from "./located.ts";
import type { McpTemplate } from "./model.ts";
import { fields, id, required, type Place } from "./read.ts";
import { add, type ReadTemplate, type TemplateContext } from "./template.ts";

const read = fields({ tool: required(id(MCP_TOOL_NAME)), pin: required(id(PIN)) });

export function readMcpTemplate(
  node: Located,
  _context: TemplateContext,
  place: Place,
): ReadTemplate<McpTemplate> | undefined {
  const values = read(node, place);
  if (values?.tool === undefined || values.pin === undefined) return undefined;
  return { template: { kind: "mcp", tool: values.tool, pin: values.pin }, preview: null };
}

const KINDS: readonly unknown[] = ["mcp-content", "json"];

/** A result is `content` or `structuredContent`; nothing else of it is a text or a file. */
export function checkMcpOutput(output: Located, place: Place): void {
  const kind = find(output, "kind");
  if (kind?.type !== "string") return;
  const wrapped = output.members.get("wrap")?.node;
  if (KINDS.includes(kind.value) && wrapped === undefined) return;
  add(
    place,
    wrapped ?? kind,
    "mcp_output",
    "an MCP server answers content, or an object as structured content",
    'use "mcp-content", or "json" without "wrap"',
  );
}
