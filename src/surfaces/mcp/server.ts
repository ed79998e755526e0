import { ProtocolError, ProtocolErrorCode, Server, type Tool } from "@modelcontextprotocol/server";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/server/validators/cf-worker";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import type { Caller } from "../../gateway/call.ts";
import type { ToolListing } from "../../tools/list.ts";
import { LIST_TTL_MS, PROTOCOL_VERSIONS, SERVER_INFO } from "./names.ts";
import { toToolResult } from "./outcome.ts";
import type { McpPorts } from "./ports.ts";

const INSTRUCTIONS =
  "Every call is decided by policy and recorded. A result may come without fields you may not " +
  "see; a refusal names its code, the rules that decided and what to do instead. Do not repeat a " +
  "refused call as it is, and never repeat a change whose outcome is unknown.";

/** Shared, because the SDK would otherwise build one for each server; we ask clients for nothing. */
const jsonSchemaValidator = new CfWorkerJsonSchemaValidator();

const LIST_CACHE = { ttlMs: LIST_TTL_MS, cacheScope: "private" } as const;

/** Who we are, what we speak and how to read us: the same for every caller. */
export function bareServer(): Server {
  return new Server(SERVER_INFO, {
    capabilities: { tools: {} },
    instructions: INSTRUCTIONS,
    jsonSchemaValidator,
    supportedProtocolVersions: [...PROTOCOL_VERSIONS],
    cacheHints: { "tools/list": LIST_CACHE, "server/discover": LIST_CACHE },
  });
}

/** The low-level server: tools come from the bundle, so nothing is registered or compiled here. */
export function serverFor(caller: Caller, ports: McpPorts): Server {
  const server = bareServer();
  server.setRequestHandler("tools/list", (request) =>
    guarded(ports, async () => {
      if (request.params?.cursor !== undefined) {
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Unknown cursor");
      }
      return { tools: (await ports.listTools(caller)).map(toTool) };
    }),
  );
  server.setRequestHandler("tools/call", (request) =>
    guarded(ports, async () => {
      const { name, arguments: args } = request.params;
      const outcome = await ports.callTool(caller, name, argumentsOf(args));
      const schema = ports.outputSchema(caller, name);
      const result = toToolResult(outcome, schema !== null);
      return server.projectCallToolResult(result, schema ?? undefined);
    }),
  );
  return server;
}

function toTool(listing: ToolListing): Tool {
  return { ...listing, inputSchema: { ...listing.inputSchema, type: "object" } };
}

function argumentsOf(args: unknown): JsonObject {
  return isObject(args) ? args : {};
}

/** The SDK would send the text of whatever is thrown; only protocol errors are made to be read. */
async function guarded<T>(ports: McpPorts, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    ports.fault(error);
    throw new ProtocolError(ProtocolErrorCode.InternalError, "Internal error");
  }
}
