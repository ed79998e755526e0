import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { LingeringResponse } from "./linger.ts";

/** A request that sends its headers slower than this holds a socket for nothing. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Headers and body. How long the answer takes is another matter: a call has its own deadline. */
const REQUEST_TIMEOUT_MS = 60_000;

export const TLS_VERSION = { minVersion: "TLSv1.2" } as const;

/** PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

export interface HttpLimits {
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often the two are looked at. */
  readonly checkMs: number;
}

const LIMITS: HttpLimits = {
  headersMs: HEADERS_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  checkMs: HEADERS_TIMEOUT_MS,
};

/** The server that strangers reach. */
export function agentServer(limits: HttpLimits = LIMITS, tls: ServerTls | null = null): Server {
  const options = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    ServerResponse: LingeringResponse,
    // Clients that offer `h2c` with every request get their answer in HTTP/1.1 (RFC 9110 §7.8).
    shouldUpgradeCallback: (request: IncomingMessage) =>
      /^websocket$/i.test(request.headers.upgrade ?? ""),
  };
  if (tls === null) return createServer(options);
  // Of the HTTP server it has everything that is used of it: the types are no relatives.
  return createTlsServer({ ...options, ...tls, ...TLS_VERSION }) as unknown as Server;
}
