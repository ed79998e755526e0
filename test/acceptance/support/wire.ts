import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** One frame on its way from the gateway to the connector, as docs/protocol/tunnel.md describes it. */
export interface Frame {
  readonly t: string;
  readonly [field: string]: unknown;
}

export type Tamper = (frame: Frame) => readonly Frame[];

/** One frame of either way, and how it goes on: at once, later, often or never. */
export type Mangle = (frame: Frame, send: (frame: Frame) => void) => void;

const honest: Tamper = (frame) => [frame];

/** A request that changes something where it arrives. */
export function isChange({ t, operation }: Frame): boolean {
  const { http, sql } = (operation ?? {}) as {
    readonly http?: { readonly method: string };
    readonly sql?: { readonly mode: string };
  };
  return t === "request" && (sql?.mode === "write" || !["GET", undefined].includes(http?.method));
}

/** Somebody who holds the wire between gateway and connector, and knows the protocol. */
export class Wire {
  readonly url: string;
  /** What becomes of each request frame. */
  tamper = honest;
  /** What becomes of every frame of both ways; null: nothing. */
  mangle: Mangle | null = null;
  readonly #server: Server;
  readonly #gatewayUrl: string;
  /** On which the session is. */
  #connector: WebSocket | null = null;
  /** What each socket of now forwards: a frame, or nothing. */
  readonly #open = new Set<{ silent: boolean }>();

  private constructor(server: Server, gatewayUrl: string) {
    this.#server = server;
    this.#gatewayUrl = gatewayUrl;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(gatewayUrl: string): Promise<Wire> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const wire = new Wire(server, gatewayUrl);
    wire.#listen();
    return wire;
  }

  /** Tampers with what is sent while `work` runs. */
  async holding<T>(tamper: Tamper, work: () => Promise<T>): Promise<T> {
    this.tamper = (frame) => (frame.t === "request" ? tamper(frame) : [frame]);
    try {
      return await work();
    } finally {
      this.tamper = honest;
    }
  }

  /** Puts a frame of its own on the way to the connector. */
  inject(frame: Frame): void {
    this.#connector?.send(JSON.stringify(frame));
  }

  /** Both ends lose each other, and may find each other again. */
  cut(): void {
    this.#connector?.terminate();
  }

  /** The sockets of now stay open and carry nothing more, either way; new ones are as before. */
  silence(): void {
    for (const one of this.#open) one.silent = true;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(): void {
    this.#server.on("request", async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await fetch(`${this.#gatewayUrl}${request.url ?? ""}`, {
        method: request.method ?? "GET",
        headers: { "content-type": request.headers["content-type"] ?? "" },
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "",
      });
      response.end(await answer.text());
    });
    const sockets = new WebSocketServer({ noServer: true });
    this.#server.on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (connector) =>
        this.#join(connector, request.url ?? ""),
      );
    });
  }

  #join(connector: WebSocket, path: string): void {
    const gateway = new WebSocket(`${this.#gatewayUrl.replace("http", "ws")}${path}`);
    const pair = { silent: false };
    this.#open.add(pair);
    const early: string[] = [];
    const toGateway = (frame: Frame): void => {
      const text = JSON.stringify(frame);
      if (gateway.readyState === WebSocket.CONNECTING) early.push(text);
      else gateway.send(text);
    };
    const toConnector = (frame: Frame): void => {
      // The connector asks on a second socket when this one is silent; only one has a session.
      if (frame.t === "welcome") this.#connector = connector;
      for (const one of this.tamper(frame)) connector.send(JSON.stringify(one));
    };
    for (const [from, on] of [
      [connector, toGateway],
      [gateway, toConnector],
    ] as const) {
      from.on("message", (data) => {
        if (pair.silent) return;
        const frame = JSON.parse(String(data)) as Frame;
        if (this.mangle === null) on(frame);
        else this.mangle(frame, on);
      });
    }
    gateway.on("open", () => early.splice(0).forEach((text) => gateway.send(text)));
    for (const [one, other] of [
      [gateway, connector],
      [connector, gateway],
    ] as const) {
      one.on("close", () => {
        this.#open.delete(pair);
        // Of a socket that carries nothing its other end does not hear, either.
        if (!pair.silent) other.terminate();
      });
      one.on("error", () => other.terminate());
    }
  }
}
