import { createMcpHandler, isJsonContentType, type Server } from "@modelcontextprotocol/server";
import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import type { Caller } from "../../gateway/call.ts";
import { waitOf } from "../rest/headers.ts";
import { readMessage } from "./body.ts";
import {
  HEADER_MISMATCH,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PROTOCOL_VERSION_META_KEY,
} from "./names.ts";
import type { McpPorts } from "./ports.ts";
import { type Refusal, refusalResponse } from "./refusal.ts";
import { Running } from "./running.ts";
import { bareServer, serverFor } from "./server.ts";

export interface McpSurfaceOptions {
  readonly ports: McpPorts;
  /** Origins of browsers that may speak to us. A request without `Origin` is no browser's. */
  readonly allowedOrigins: readonly string[];
}

export type McpSurface = (request: Request, caller: Caller) => Promise<Response>;

/**
 * One endpoint for both protocol eras. The caller is authenticated already; what a request may do
 * is decided on its body, never on a header.
 */
export function mcpSurface({ ports, allowedOrigins }: McpSurfaceOptions): McpSurface {
  const origins = new Set(allowedOrigins);
  const running = new Running();
  return (request, caller) => {
    // A header, as over REST: whoever configures a stock client can set one, and it decides nothing.
    const waitMs = waitOf(request.headers.get("prefer") ?? undefined);
    return serve(request, origins, (message) => {
      const { method } = message;
      const params = paramsOf(message);
      if (method === "notifications/cancelled") running.cancel(caller, params["requestId"]);
      // Since 2026-07-28 to hang up is to cancel; before, it is no more than a lost connection.
      const hungUp = claimsModern(params) ? request.signal : null;
      return () => serverFor(caller, ports, { waitMs, running, hungUp });
    });
  };
}

/**
 * The endpoint without a caller, for `postern connect`: says who we are and what we speak, which is
 * the same for everybody, and has no tools to list or to call.
 */
export function mcpGreeting(request: Request): Promise<Response> {
  return serve(request, new Set(), () => bareServer);
}

/**
 * Handler, server and transport are made for each request and share nothing, so that no answer can
 * reach another client (CVE-2026-25536).
 */
async function serve(
  request: Request,
  origins: ReadonlySet<string>,
  serverOf: (message: JsonObject) => () => Server,
): Promise<Response> {
  const early = refuseUnread(request, origins);
  if (early !== null) return refusalResponse(early);
  const message = await readMessage(request);
  if (!message.ok) return refusalResponse(message.refusal);
  const refusal = refuseMessage(request.headers, message.value);
  if (refusal !== null) return refusalResponse(refusal, idOf(message.value));
  const makeServer = serverOf(isObject(message.value) ? message.value : {});
  return createMcpHandler(makeServer).fetch(request, { parsedBody: message.value });
}

/** Neither era has a GET stream or a session to delete here: state lives in the workflow. */
function refuseUnread(request: Request, origins: ReadonlySet<string>): Refusal | null {
  if (request.method !== "POST") {
    return { status: 405, code: INVALID_REQUEST, message: "Only POST is served." };
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !origins.has(origin)) {
    return { status: 403, code: INVALID_REQUEST, message: "This origin is not allowed." };
  }
  if (!isJsonContentType(request.headers.get("content-type"))) {
    return { status: 415, code: INVALID_REQUEST, message: "Content-Type is application/json." };
  }
  return null;
}

/** What the SDK lets through and we do not; the checks of the newer era are its own. */
function refuseMessage(headers: Headers, message: Json): Refusal | null {
  if (Array.isArray(message)) {
    // One proof of possession pays for one message; 2025-11-25 has no batches either.
    return { status: 400, code: INVALID_REQUEST, message: "Batches are not served." };
  }
  if (!isObject(message)) return null;
  if (message["method"] === "subscriptions/listen") {
    // A stream would outlive the credential it was opened with, and the locks set since.
    return { status: 404, code: METHOD_NOT_FOUND, message: "Method not found" };
  }
  const params = paramsOf(message);
  return claimsModern(params) || headersAgree(headers, message, params)
    ? null
    : { status: 400, code: HEADER_MISMATCH, message: "A header differs from the body." };
}

function paramsOf({ params }: JsonObject): JsonObject {
  return isObject(params) ? params : {};
}

function claimsModern(params: JsonObject): boolean {
  const meta = params["_meta"];
  return isObject(meta) && PROTOCOL_VERSION_META_KEY in meta;
}

/**
 * The older era knows no such headers. Where a client sends them all the same, a proxy in front
 * may have routed on them: they must be true.
 */
function headersAgree(headers: Headers, message: JsonObject, params: JsonObject): boolean {
  const method = headers.get("mcp-method");
  const name = headers.get("mcp-name");
  return (
    (method === null || method === message["method"]) && (name === null || name === params["name"])
  );
}

function idOf(message: Json): Json {
  const id = isObject(message) ? message["id"] : null;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
