import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** What one request looked like when it arrived inside the private network. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const GIGABYTE = 1_024 ** 3;
const CHUNK = Buffer.alloc(64 * 1_024, "x");

/** The private HTTP service that does everything a service should not do. */
export class Lab {
  readonly origin: string;
  readonly arrivals: Arrival[] = [];
  /** How long `/note` takes, in milliseconds: what a fast service needs, unless a test says more. */
  latencyMs: () => number = () => 0;
  readonly #server: Server;
  /** Requests to `/gate/{key}` wait here until somebody opens it. */
  readonly #gates = new Map<string, { readonly open: Promise<void>; release: () => void }>();
  /** The answers of `/script/{key}`. */
  readonly #scripts = new Map<string, { readonly type: string; readonly body: string }>();

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Lab> {
    const server = createServer((request, response) => {
      lab.#handle(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const lab = new Lab(server);
    return lab;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  arrivalsAt(path: string): Arrival[] {
    return this.arrivals.filter((arrival) => arrival.path === path);
  }

  /** What `/script/{key}` answers from now on. */
  script(key: string, body: unknown, type = "application/json"): void {
    this.#scripts.set(key, { type, body: typeof body === "string" ? body : JSON.stringify(body) });
  }

  open(key: string): void {
    this.#gate(key).release();
  }

  /** Resolves when a request stands before this gate. */
  async waiting(key: string, count = 1): Promise<void> {
    while (this.arrivalsAt(`/gate/${key}`).length < count) await once(this.#server, "arrival");
  }

  #gate(key: string): { readonly open: Promise<void>; release: () => void } {
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      const { promise: open, resolve: release } = Promise.withResolvers<void>();
      gate = { open, release };
      this.#gates.set(key, gate);
    }
    return gate;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://lab");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const { method = "GET", headers } = request;
    this.arrivals.push({ method, path: url.pathname, query: url.searchParams, headers, body });
    this.#server.emit("arrival");
    const [, name = "", key = ""] = url.pathname.split("/");
    switch (name) {
      case "note":
        await sleep(this.latencyMs());
        return json(response, 200, { text: url.searchParams.get("text") ?? bodyText(body) });
      case "script": {
        const { type, body: text } = this.#scripts.get(key) ?? {
          type: "application/json",
          body: "{}",
        };
        response.writeHead(200, { "content-type": type });
        return void response.end(text);
      }
      case "status":
        return json(response, Number(key), { text: "as asked" });
      case "gate":
        await this.#gate(key).open;
        return json(response, 200, { text: key });
      case "hang":
        return undefined;
      case "huge":
        return huge(response, key === "declared");
      case "cut":
        response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
        response.write('{"text":"half');
        await sleep(20);
        return void response.destroy();
      default:
        return json(response, 404, { text: "no such place" });
    }
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function bodyText(body: string): string {
  const value = JSON.parse(body === "" ? "{}" : body) as { text?: string };
  return value.text ?? "";
}

/** A gigabyte of one JSON string, as fast as the other side takes it. */
async function huge(response: ServerResponse, declared: boolean): Promise<void> {
  const head = Buffer.from('{"text":"');
  response.writeHead(200, {
    "content-type": "application/json",
    ...(declared && { "content-length": String(head.length + GIGABYTE + 2) }),
  });
  response.write(head);
  for (let sent = 0; sent < GIGABYTE && !response.destroyed; sent += CHUNK.length) {
    if (!response.write(CHUNK))
      await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end('"}');
}
