import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { lingering, LingeringResponse } from "../../hosts/node/linger.ts";
import { readBounded } from "../../sdk/body.ts";
import { PosternError } from "../../sdk/error.ts";
import { type Credentialed, forward } from "./upstream.ts";

export const MCP_PATH = "/mcp";

/** The gateway reads no more than this; one byte past it, so that it is the one to refuse. */
const MAX_BODY_BYTES = 4 * 1_024 * 1_024 + 1;

/** Everything else a client sends, cookies and authorization included, stays here. */
const REQUEST_HEADERS =
  /^(accept|content-type|last-event-id|prefer|traceparent|tracestate|mcp-[a-z-]+)$/;
/** No challenge: a client that got one would try to sign in at this address. */
const RESPONSE_HEADERS = /^(allow|cache-control|content-type|retry-after|mcp-[a-z-]+)$/;

export interface Loopback {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * An MCP endpoint for programs of this machine. It adds the credential and changes nothing else.
 * Whoever may connect to it acts as the agent, so it listens on the loopback address only.
 */
export async function listenLoopback(workflow: Credentialed, port: number): Promise<Loopback> {
  const server = createServer(
    { ServerResponse: LingeringResponse },
    lingering((request, response) => {
      void answer(workflow, request, response).catch(() => response.destroy());
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was bound");
  return {
    url: `http://127.0.0.1:${address.port}${MCP_PATH}`,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answer(
  workflow: Credentialed,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refusal = refuse(request);
  if (refusal !== null) return refused(response, refusal);
  // Destroyed, the request could not be thrown away behind its refusal.
  const body = request.iterator({ destroyOnReturn: false });
  const bytes = await readBounded(body, MAX_BODY_BYTES);
  if (bytes === null) return refused(response, 413);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  let reply: Response;
  try {
    reply = await forward(workflow, {
      method: request.method ?? "POST",
      headers: passed(REQUEST_HEADERS, Object.entries(request.headers)),
      body: bytes.length === 0 ? null : new TextDecoder().decode(bytes),
      signal: gone.signal,
    });
  } catch (error) {
    if (error instanceof PosternError) return refused(response, 502);
    throw error;
  }
  response.writeHead(reply.status, passed(RESPONSE_HEADERS, reply.headers));
  if (reply.body === null) response.end();
  else await pipeline(reply.body, response);
}

/**
 * A page of another site may have its name resolve to this machine (DNS rebinding): it then sends
 * its own name as Host. Only our own address will do, and as Origin only ourselves.
 */
function refuse(request: IncomingMessage): number | null {
  const { host, origin } = request.headers;
  const port = request.socket.localPort;
  const own = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  if (host === undefined || !own.includes(host)) return 403;
  if (origin !== undefined && !own.includes(origin.replace(/^http:\/\//, ""))) return 403;
  return request.url === MCP_PATH ? null : 404;
}

function refused(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}

function passed(
  names: RegExp,
  headers: Iterable<readonly [string, string | readonly string[] | undefined]>,
): { [name: string]: string } {
  const kept: { [name: string]: string } = {};
  for (const [name, value] of headers) {
    if (typeof value === "string" && names.test(name)) kept[name] = value;
  }
  return kept;
}
