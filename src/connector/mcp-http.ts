import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type RequestId,
  StreamableHTTPClientTransport,
  type StreamableHTTPClientTransportOptions,
} from "@modelcontextprotocol/client";
import { type Pool, fetch as undiciFetch } from "undici";
import { MAX_FRAME_BYTES } from "../tunnel/protocol.ts";
import type { McpServer } from "./config.ts";
import { egress } from "./egress.ts";
import type { HeldBytes } from "./executor.ts";
import { McpGone } from "./mcp-stdio.ts";

/** Nobody waits for the answer to a notification, and it keeps a socket. */
const NOTICE_MS = 5_000;
type Remote = Extract<McpServer, { readonly url: string }>;

/** Sockets to one server, under the look-up, the authorities and the caps of its destination. */
export class McpRemote {
  readonly #server: Remote;
  readonly #held: HeldBytes;
  readonly #pool: Pool;

  constructor(server: Remote, connections: number, held: HeldBytes) {
    this.#server = server;
    this.#held = held;
    this.#pool = egress(new URL(server.url).origin, server, connections);
  }

  open(): StreamableHTTPClientTransport {
    return new EndingTransport(new URL(this.#server.url), {
      fetch: (url, init) => this.#fetch(String(url), init),
      requestInit: { redirect: "error" },
      reconnectionOptions: {
        maxRetries: 0,
        initialReconnectionDelay: 0,
        maxReconnectionDelay: 0,
        reconnectionDelayGrowFactor: 1,
      },
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #fetch(url: string, init: RequestInit | undefined): Promise<Response> {
    // A stream without a request has no end and no cap; nothing that comes unasked is wanted.
    if ((init?.method ?? "GET") === "GET") return new Response(null, { status: 405 });
    // What leads elsewhere is asked of nobody: one URL was listed.
    if (url !== this.#server.url) return new Response(null, { status: 404 });
    const headers = new Headers(init?.headers);
    headers.set("accept-encoding", "identity");
    for (const [name, secret] of this.#server.headers) headers.set(name, secret.value);
    const response = await undiciFetch(url, {
      method: init?.method ?? "POST",
      headers: Object.fromEntries(headers),
      body: (init?.body as string | undefined) ?? null,
      redirect: "error",
      signal: init?.signal ?? null,
      dispatcher: this.#pool,
    });
    if (response.status === 401) for (const one of this.#server.headers.values()) one.refused();
    const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
    return new Response(body?.pipeThrough(new TransformStream(this.#counter())) ?? null, {
      status: response.status,
      headers: Object.fromEntries(response.headers),
    });
  }

  #counter(): Transformer<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> & {
    cancel: () => void;
  } {
    let bytes = 0;
    const give = (): void => {
      this.#held.give(bytes);
      bytes = 0;
    };
    return {
      transform: (chunk, controller) => {
        const fits = bytes + chunk.length <= MAX_FRAME_BYTES;
        if (fits && this.#held.take(chunk.length)) {
          bytes += chunk.length;
          return controller.enqueue(chunk);
        }
        give();
        return controller.error(new McpGone("response_too_large"));
      },
      flush: give,
      cancel: give,
    };
  }
}

type Options = Parameters<StreamableHTTPClientTransport["send"]>[1];

/**
 * A request and its connection end together. The library reads on after the answer, and after nobody waits
 * for one any more: a server that leaves its streams open would soon have all sockets of its destination.
 */
class EndingTransport extends StreamableHTTPClientTransport {
  readonly #requests = new Map<RequestId, AbortController>();

  constructor(url: URL, options: StreamableHTTPClientTransportOptions) {
    super(url, options);
    // Who connects calls this one first.
    this.onmessage = (message) => {
      if (!("method" in message)) this.#end(message.id);
    };
  }

  override async send(
    message: JSONRPCMessage | JSONRPCMessage[],
    options?: Options,
  ): Promise<void> {
    if (!isJSONRPCRequest(message)) {
      if (isJSONRPCNotification(message) && message.method === "notifications/cancelled") {
        this.#end(message.params?.["requestId"] as RequestId);
      }
      return super.send(message, { ...options, requestSignal: AbortSignal.timeout(NOTICE_MS) });
    }
    const { id } = message;
    const request = new AbortController();
    this.#requests.set(id, request);
    options?.requestSignal?.addEventListener("abort", () => this.#end(id), { once: true });
    try {
      await super.send(message, { ...options, requestSignal: request.signal });
    } catch (error) {
      this.#end(id);
      throw error;
    }
  }

  #end(id: RequestId | undefined): void {
    if (id === undefined) return;
    this.#requests.get(id)?.abort();
    this.#requests.delete(id);
  }
}
