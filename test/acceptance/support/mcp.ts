import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Outcome, Workflow } from "./workflow.ts";

const OUTCOME = "dev.postern/outcome";

/** Both protocol eras, and how the official client is told to speak them. */
export const ERAS = [
  ["2026-07-28", { pin: "2026-07-28" }],
  ["2025-11-25", "legacy"],
] as const;
export type Era = (typeof ERAS)[number][1];

/** The official client, in the hands of this workflow's agent; `headers`: as it was configured. */
export async function mcpClient(
  workflow: Workflow,
  mode: Era,
  headers: { readonly [name: string]: string } = {},
): Promise<Client> {
  const client = new Client({ name: "acceptance", version: "1" }, { versionNegotiation: { mode } });
  const url = new URL(workflow.tenant.resource);
  const options = { fetch: authorised(workflow), requestInit: { headers: { ...headers } } };
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
}

export function outcomeOf(result: { readonly _meta?: unknown }): Outcome {
  return (result._meta as Record<string, Outcome>)[OUTCOME] as Outcome;
}

/** Credential and a fresh proof on each request: all that a client needs to know of us. */
function authorised(
  workflow: Workflow,
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    const own = await workflow.authorise(init.method ?? "GET", String(url));
    for (const [name, value] of Object.entries(own)) headers.set(name, value);
    return fetch(url, { ...init, headers });
  };
}
