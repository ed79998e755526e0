import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import {
  createMcpHandler,
  isLegacyRequest,
  Server,
  type Tool,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { getRequestListener } from "@hono/node-server";
import { announce, untilStopped } from "../acme/service.ts";
import { CONTENT_TOOLS } from "./content.ts";
import { INPUT_TOOLS, STATE } from "./input.ts";
import { TALKING_TOOLS } from "./talk.ts";
import type { SuiteTool } from "./tool.ts";

/**
 * The tools of the official MCP suite as a private server has them, on the official SDK and by both
 * revisions: `node examples/conformance/service.ts`. Nothing here knows of Postern.
 */
const TOOLS = new Map(Object.entries({ ...CONTENT_TOOLS, ...TALKING_TOOLS, ...INPUT_TOOLS }));
const LISTED = [...TOOLS].map(([name, { description, properties = {}, schema, output }]): Tool => {
  const inputSchema = schema ?? { type: "object", properties, required: Object.keys(properties) };
  const outputSchema = output && { outputSchema: output };
  return { name, description, inputSchema, ...outputSchema, annotations: { readOnlyHint: true } };
});

function suiteServer(): Server {
  const server = new Server(
    { name: "conformance", version: "1.0.0" },
    { capabilities: { tools: {}, logging: {} }, requestState: { verify: STATE.verify } },
  );
  server.setRequestHandler("tools/list", () => ({ tools: LISTED }));
  server.setRequestHandler("tools/call", ({ params }, context) => {
    const tool: SuiteTool | undefined = TOOLS.get(params.name);
    if (tool === undefined) throw new Error("unknown tool");
    return tool.run(context, params.arguments ?? {});
  });
  return server;
}

/** The older revision keeps a session, over which a tool asks its client. */
const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

async function legacy(request: Request): Promise<Response> {
  const known = sessions.get(request.headers.get("mcp-session-id") ?? "");
  if (known !== undefined) return known.handleRequest(request);
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await suiteServer().connect(transport);
  return transport.handleRequest(request);
}

const modern = createMcpHandler(suiteServer, { legacy: "reject" });
const server = createServer(
  getRequestListener(async (request) =>
    (await isLegacyRequest(request)) ? legacy(request) : modern.fetch(request),
  ),
);

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  announce({ url: `http://127.0.0.1:${address.port}/mcp`, tools: [...TOOLS.keys()].join(" ") });
});

untilStopped(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
