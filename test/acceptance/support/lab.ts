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
  /** How long notes and documents take, in milliseconds: nothing, unless a test says more. */
  latencyMs: (arrival: Arrival) => number = () => 0;
  readonly #server: Server;
  /** Requests to `/gate/{key}` wait here until somebody opens it. */
  readonly #gates = new Map<string, { readonly open: Promise<void>; release: () => void }>();
  readonly #dropped: string[] = [];
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

  /** What outsiders wrote, as `GET /messages` has it; what it throws is an answer 500. */
  inbox: () => Promise<readonly object[]> = async () => [];
  /** What `GET /people` finds by a part of the name. */
  people: readonly { readonly id: string; readonly name: string; readonly email: string }[] = [];

  /** The model behind `POST /embeddings`: what stands for a text. */
  embed: (text: string) => readonly number[] = () => [];

  /** What `/keyed/{key}` did, by `Idempotency-Key`: once on each. */
  readonly orders = new Map<string, string>();
  /** What becomes of the answers of `/keyed/{key}`; the order itself is carried out all the same. */
  keyed: "answer" | "lose" | "hold" | "refuse" = "answer";

  open(key: string): void {
    this.#gate(key).release();
  }

  /** Resolves when a request stands before this gate. */
  async waiting(key: string, count = 1): Promise<void> {
    while (this.arrivalsAt(`/gate/${key}`).length < count) await once(this.#server, "arrival");
  }

  async nextArrival(): Promise<void> {
    await once(this.#server, "arrival");
  }

  /** A document that keeps a version, and takes a change only to the one that is meant. */
  readonly #documents = new Map<string, { version: number; title: string; secret: string }>();

  document(key: string): { version: number; title: string; secret: string } {
    const known = this.#documents.get(key) ?? { version: 1, title: "draft", secret: "4711" };
    this.#documents.set(key, known);
    return known;
  }

  #document(
    key: string,
    method: string,
    ifMatch: string | undefined,
    body: string,
    response: ServerResponse,
    tagged = true,
  ): void {
    const document = this.document(key);
    const etag = (): string => `"v${document.version}"`;
    if (method === "PATCH") {
      if (tagged && ifMatch !== undefined && ifMatch !== etag()) {
        return json(response, 412, { text: "another version" });
      }
      Object.assign(document, JSON.parse(body), { version: document.version + 1 });
    }
    const { title, secret, version } = document;
    if (tagged) response.setHeader("etag", etag());
    json(response, 200, { title, secret, updatedAt: version });
  }

  /** Resolves when so many requests before this gate were given up by whoever sent them. */
  async dropped(key: string, count = 1): Promise<void> {
    const here = (): number => this.#dropped.filter((path) => path === `/gate/${key}`).length;
    while (here() < count) await once(this.#server, "dropped");
  }

  #left(path: string, { writableFinished }: ServerResponse): void {
    if (writableFinished) return;
    this.#dropped.push(path);
    this.#server.emit("dropped");
  }

  #keyed(key: string, idempotencyKey: string, response: ServerResponse): void {
    if (this.keyed === "refuse") return json(response, 409, { text: "already in that state" });
    this.orders.set(idempotencyKey, key);
    if (this.keyed === "lose") return void response.destroy();
    if (this.keyed === "answer") json(response, 200, { text: key });
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
    const arrival = { method, path: url.pathname, query: url.searchParams, headers, body };
    this.arrivals.push(arrival);
    this.#server.emit("arrival");
    const [, name = "", key = ""] = url.pathname.split("/");
    switch (name) {
      case "note":
        await sleep(this.latencyMs(arrival));
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
        response.once("close", () => this.#left(url.pathname, response));
        await this.#gate(key).open;
        return json(response, 200, { text: key });
      case "document":
        await sleep(this.latencyMs(arrival));
        return this.#document(key, method, headers["if-match"], body, response);
      case "embeddings": {
        const { input } = JSON.parse(body) as { readonly input: readonly string[] };
        const data = input.map((text, index) => ({ index, embedding: this.embed(text) }));
        return json(response, 200, { data });
      }
      case "keyed":
        return this.#keyed(key, String(headers["idempotency-key"]), response);
      case "people": {
        const wanted = url.searchParams.get("name") ?? "";
        return json(response, 200, {
          people: this.people.filter((one) => one.name.includes(wanted)),
        });
      }
      case "messages":
        if (method === "POST") return json(response, 200, { id: "sent" });
        return this.inbox().then(
          (messages) => json(response, 200, { messages }),
          () => json(response, 500, { text: "out of order" }),
        );
      case "untagged":
        return this.#document(key, method, headers["if-match"], body, response, false);
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
