import { PosternError } from "../../sdk/error.ts";

/** What forwarding needs of an open workflow. */
export interface Credentialed {
  readonly mcpUrl: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  renew(): Promise<void>;
}

export interface Exchange {
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string | null;
  readonly signal: AbortSignal;
}

/**
 * Sends one request of a client to the gateway, with credential and a fresh proof. A credential
 * that was refused is renewed once: a refused request was not read, so it may be sent again.
 */
export async function forward(workflow: Credentialed, exchange: Exchange): Promise<Response> {
  const { method, headers, body, signal } = exchange;
  const send = (): Promise<Response> =>
    workflow.fetch(workflow.mcpUrl, { method, headers, signal, ...(body !== null && { body }) });
  const response = await send();
  if (response.status !== 401) return response;
  try {
    await workflow.renew();
  } catch (error) {
    if (error instanceof PosternError) return response;
    throw error;
  }
  await response.body?.cancel();
  return send();
}
