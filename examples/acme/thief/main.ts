import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { LeakedRequest } from "../tickets/leak.ts";

/**
 * A thief inside Acme's own network, a process of its own: `node thief/main.ts --leak FILE`. It
 * found a complete request of a moment ago, call token included, and sends it again, byte for
 * byte, straight to the ticket service. No gateway and no connector is in its way.
 */
const TIMEOUT_MS = 10_000;

/** What the thief comes home with. */
export interface Haul {
  /** Of the ticket service's answer; null where there was nothing to steal. */
  readonly status: number | null;
  readonly code: string | null;
  readonly ms: number;
}
const NOTHING: Haul = { status: null, code: "nothing_to_steal", ms: 0 };

const { values } = parseArgs({ options: { leak: { type: "string", default: "" } } });
const stolen = readLeak(values.leak);
const haul = stolen === null ? NOTHING : await replay(stolen);
process.stdout.write(`${JSON.stringify(haul)}\n`);

async function replay({ method, url, headers, body }: LeakedRequest): Promise<Haul> {
  const started = performance.now();
  const answer = await fetch(url, {
    method,
    headers: withoutHopByHop(headers),
    ...(body !== "" && { body }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { code = null } = (await answer.json()) as { readonly code?: string };
  return { status: answer.status, code, ms: performance.now() - started };
}

function readLeak(file: string): LeakedRequest | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as LeakedRequest) : null;
}

/** What belongs to the old connection is the new one's business. */
function withoutHopByHop(headers: LeakedRequest["headers"]): Record<string, string> {
  const { host: _host, connection: _connection, "content-length": _length, ...rest } = headers;
  return rest;
}
