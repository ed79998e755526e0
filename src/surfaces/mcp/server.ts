import { ProtocolError, ProtocolErrorCode, Server, type Tool } from "@modelcontextprotocol/server";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/server/validators/cf-worker";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import { MAX_REPORTED_TOKENS } from "../../core/session/limits.ts";
import { type Caller, soundIdempotencyKey, soundUsage } from "../../gateway/call.ts";
import type { ToolListing } from "../../core/model/tool-listing.ts";
import {
  IDEMPOTENCY_META_KEY,
  LIST_TTL_MS,
  PROTOCOL_VERSIONS,
  SERVER_INFO,
  USAGE_META_KEY,
} from "./names.ts";
import { FIND_TOOLS, finder, findResult, misasked, taskOf } from "./find.ts";
import { toToolResult } from "./outcome.ts";
import type { McpPorts } from "./ports.ts";
import type { Running } from "./running.ts";

const INSTRUCTIONS =
  "Every call is decided by policy and recorded. A result may come without fields you may not " +
  "see; a refusal names its code, the rules that decided and what to do instead. Do not repeat a " +
  "refused call as it is, and never repeat a change whose outcome is unknown. Where a human has to " +
  "approve, send the identical call again: it waits for the decision.";

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

/** What a request says beside its message. */
export interface Asked {
  readonly waitMs: number | null;
  readonly running: Running;
  /** Null: to hang up takes nothing back. */
  readonly hungUp: AbortSignal | null;
}

/** The low-level server: tools come from the bundle, so nothing is registered or compiled here. */
export function serverFor(caller: Caller, ports: McpPorts, asked: Asked): Server {
  const { waitMs, running, hungUp } = asked;
  const server = bareServer();
  server.setRequestHandler("tools/list", (request) =>
    guarded(ports, async () => {
      if (request.params?.cursor !== undefined) {
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Unknown cursor");
      }
      const listed = await ports.listTools(caller);
      const offered = [...listed, ...finder(listed)].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return { tools: offered.map(toTool) };
    }),
  );
  server.setRequestHandler("tools/call", (request, { mcpReq }) =>
    guarded(ports, async () => {
      const { name, arguments: args, _meta: meta } = request.params;
      if (name === FIND_TOOLS.name && !(await isListed(ports, caller, name))) {
        const asked = taskOf(args);
        return asked === null ? misasked() : findResult(await ports.findTools(caller, ...asked));
      }
      const call = {
        ...{ tool: name, args: argumentsOf(args), waitMs },
        ...{ idempotencyKey: idempotencyKeyOf(meta), usage: usageOf(meta) },
      };
      const outcome = await running.run(caller, mcpReq.id, hungUp, (cancelled) =>
        ports.callTool(caller, { ...call, cancelled }),
      );
      const schema = ports.outputSchema(caller, name);
      const result = toToolResult(outcome, schema !== null);
      return server.projectCallToolResult(result, schema ?? undefined);
    }),
  );
  return server;
}

/** A tool of the bundle that has this name keeps it. */
async function isListed(ports: McpPorts, caller: Caller, name: string): Promise<boolean> {
  return (await ports.listTools(caller)).some((one) => one.name === name);
}

function toTool(listing: ToolListing): Tool {
  return { ...listing, inputSchema: { ...listing.inputSchema, type: "object" } };
}

function argumentsOf(args: unknown): JsonObject {
  return isObject(args) ? args : {};
}

function idempotencyKeyOf(meta: { readonly [name: string]: unknown } | undefined): string | null {
  const key = meta?.[IDEMPOTENCY_META_KEY];
  if (key === undefined) return null;
  if (typeof key === "string" && soundIdempotencyKey(key)) return key;
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `${IDEMPOTENCY_META_KEY} is 1 to 128 visible ASCII characters`,
  );
}

/** Anything but a report is refused whole: a report that is not understood would count nothing. */
function usageOf(meta: { readonly [name: string]: unknown } | undefined): number | null {
  const usage = meta?.[USAGE_META_KEY];
  if (usage === undefined) return null;
  const { tokens, ...more } = isObject(usage) ? usage : {};
  if (soundUsage(tokens) && Object.keys(more).length === 0) return tokens;
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `${USAGE_META_KEY} is {"tokens": n} with 1 to ${MAX_REPORTED_TOKENS} tokens`,
  );
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
