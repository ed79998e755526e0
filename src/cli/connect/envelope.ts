import { isObject, type Json } from "../../core/model/json.ts";

const VERSION_META_KEY = "io.modelcontextprotocol/protocolVersion";

/** What a message on standard input says about itself, as far as HTTP wants it in headers. */
export interface Envelope {
  /** Of a request; null where nothing is to be answered. */
  readonly id: string | number | null;
  readonly method: string | null;
  /** It says by itself which revision it is of, as 2026-07-28 has it. */
  readonly modern: boolean;
  readonly headers: { readonly [name: string]: string };
  /** The request that this notification takes back. */
  readonly cancels: string | number | null;
}

/** `negotiated`: what `initialize` agreed on, for the era that says it once and not each time. */
export function envelopeOf(message: unknown, negotiated: string | null): Envelope {
  const body = isObject(message) ? message : {};
  const params = isObject(body["params"]) ? body["params"] : {};
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  const method = typeof body["method"] === "string" ? body["method"] : null;
  const modern = meta[VERSION_META_KEY];
  const name = params["name"] ?? params["uri"];
  const headers: { [name: string]: string } = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  if (typeof modern === "string") {
    headers["mcp-protocol-version"] = headerValue(modern);
    if (method !== null) headers["mcp-method"] = headerValue(method);
    if (typeof name === "string") headers["mcp-name"] = headerValue(name);
  } else if (negotiated !== null && method !== "initialize") {
    headers["mcp-protocol-version"] = headerValue(negotiated);
  }
  const cancels = method === "notifications/cancelled" ? idOf(params["requestId"]) : null;
  const id = method === null ? null : idOf(body["id"]);
  return { id, method, modern: typeof modern === "string", headers, cancels };
}

function idOf(value: Json | undefined): string | number | null {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

/** As MCP 2026-07-28 wants what no header may hold: a tool's name may be any text. */
function headerValue(text: string): string {
  const plain = /^[!-~](?:[ -~]*[!-~])?$/.test(text) && !text.startsWith("=?base64?");
  return plain ? text : `=?base64?${Buffer.from(text, "utf8").toString("base64")}?=`;
}
