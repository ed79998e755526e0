import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { LeakedRequest } from "../tickets/leak.ts";

/**
 * A thief inside Acme's own network, a process of its own: `node thief/main.ts --leak FILE`. It
 * found a complete request of a moment ago, call token included, and sends it again, byte for
 * byte, straight to the ticket service. No gateway and no connector is in its way.
 */
const TIMEOUT_MS = 10_000;

const { values } = parseArgs({ options: { leak: { type: "string", default: "" } } });
const stolen = JSON.parse(readFileSync(values.leak, "utf8")) as LeakedRequest;

const started = performance.now();
const answer = await fetch(stolen.url, {
  method: stolen.method,
  headers: withoutHopByHop(stolen.headers),
  ...(stolen.body !== "" && { body: stolen.body }),
  signal: AbortSignal.timeout(TIMEOUT_MS),
});
const ms = performance.now() - started;
const { code = null } = (await answer.json()) as { readonly code?: string };
process.stdout.write(`${JSON.stringify({ status: answer.status, code, ms })}\n`);

/** What belongs to the old connection is the new one's business. */
function withoutHopByHop(headers: LeakedRequest["headers"]): Record<string, string> {
  const { host: _host, connection: _connection, "content-length": _length, ...rest } = headers;
  return rest;
}
