import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, type McpDestination, readConfig } from "../../connector/config.ts";
import { HeldBytes } from "../../connector/executor.ts";
import type { ListedTool } from "../../connector/mcp-session.ts";
import { McpExecutor } from "../../connector/mcp.ts";
import { isObject, type Json } from "../../core/model/json.ts";
import type { Plan, Values } from "./plan.ts";
import { renderConnector } from "./render.ts";

export type Asked =
  | { readonly ok: true; readonly values: Values }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A pin is what the server says of its tool: it is asked as the connector will ask, under its file. */
export async function askServer(plan: Plan, name: string, env: Environment): Promise<Asked> {
  const read = readConfig(renderConnector(plan), "connector.jsonc", env);
  if (!read.ok) {
    const problems = read.mistakes.map(({ at, fix }) => `connector.jsonc ${at}: ${fix}`);
    return { ok: false, problems };
  }
  const [destination] = read.config.destinations.values();
  if (destination?.kind !== "mcp") throw new TypeError("a plan for an MCP server has one");
  const tools = await listTools(destination);
  if (tools === null)
    return refuse("the MCP server does not answer as one: is it the right place?");
  const tool = tools.get(name);
  if (tool === undefined) {
    return refuse(`--tool ${name} is none of its tools: ${[...tools.keys()].join(", ")}`);
  }
  if (tool.shadowed) return refuse(`--tool ${name} has another name that passes for it`);
  return { ok: true, values: { pin: tool.digest, input: inputOf(tool) } };
}

function refuse(problem: string): Asked {
  return { ok: false, problems: [problem] };
}

async function listTools(
  destination: McpDestination,
): Promise<ReadonlyMap<string, ListedTool> | null> {
  const folder = mkdtempSync(join(tmpdir(), "postern-init-"));
  const executor = new McpExecutor(destination, folder, new HeldBytes());
  try {
    return await executor.list();
  } catch {
    // Its words are the server's.
    return null;
  } finally {
    await executor.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The server's own schema, closed: arguments that nobody declared do not pass. */
function inputOf({ definition }: ListedTool): Json {
  const schema = definition["inputSchema"];
  const known = isObject(schema ?? null) ? (schema as Values) : {};
  return { ...known, properties: known["properties"] ?? {}, additionalProperties: false };
}
