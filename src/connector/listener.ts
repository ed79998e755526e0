import { randomBytes, randomInt } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  answeredBy,
  askedBy,
  FRAME_TYPE,
  MAX_OVERTAKING,
  OPEN_PATH,
  SOCKET_HEADER,
} from "../tunnel/post.ts";
import {
  MAX_BUFFERED_BYTES,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_IN_FLIGHT,
} from "../tunnel/protocol.ts";
import type { Socket } from "../tunnel/socket.ts";
import { drained } from "./dialler.ts";
import type { ConnectorEnd } from "./end.ts";
import { sessionOn, type SessionParts } from "./session.ts";

/** Whoever reaches the port may hold one for as long as a handshake takes. */
const MAX_UNPROVEN = 16;
/** Every request of a session, and as much again for all else. */
const MAX_CONNECTIONS = 2 * MAX_IN_FLIGHT;
/** Of one session before its proof, over all POSTs that are arriving or wait for one that they overtook. */
const MAX_UNPROVEN_BYTES = 16 * MAX_HANDSHAKE_FRAME_BYTES;
/** For one POST to arrive: a peer that trickles holds a connection. */
const ARRIVAL_MS = 10_000;
const PATH = new RegExp(`^${OPEN_PATH}(?:/([0-9a-f]{32})/(\\d{1,15}|close))?$`);

/** The same sessions for a gateway that dials: one POST a frame, on a private address. */
export class Listener {
  readonly #parts: SessionParts;
  readonly #server: Server;
  readonly #sockets = new Map<string, PostSocket>();
  #stopped = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#server = createServer({ requestTimeout: ARRIVAL_MS }, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** The port that was bound; null: it is somebody else's. */
  listen(host: string, port: number): Promise<number | null> {
    return new Promise((resolve) => {
      this.#server.once("error", () => resolve(null));
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  async stop(ms: number): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#sockets.values()].map(({ end }) => drained(end, ms)));
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = request.method === "POST" ? PATH.exec(request.url ?? "") : null;
    if (found === null) return refuse(response, 404);
    const [, id, turn] = found;
    if (id === undefined || turn === undefined) return this.#open(response);
    const socket = this.#sockets.get(id);
    if (socket === undefined) return refuse(response, 404);
    const body = await socket.read(request);
    if (body === null) return refuse(response, 413);
    if (turn === "close") {
      socket.end.closed();
      return refuse(response, 204);
    }
    socket.take(Number(turn), body, response);
  }

  #open(response: ServerResponse): void {
    if (this.#stopped) return refuse(response, 503);
    const unproven = [...this.#sockets.values()].filter(({ live }) => !live);
    if (unproven.length >= MAX_UNPROVEN) {
      // Strangers who hold every place must not keep the gateway out: decision 0055.
      const drawn = unproven[randomInt(MAX_UNPROVEN + 1)];
      if (drawn === undefined) return refuse(response, 503);
      drawn.end.stop();
    }
    const id = randomBytes(16).toString("hex");
    const socket: PostSocket = new PostSocket((over) =>
      sessionOn(this.#parts, over, {
        began: () => this.#begun(socket),
        over: () => this.#sockets.delete(id),
      }),
    );
    this.#sockets.set(id, socket);
    response.setHeader(SOCKET_HEADER, id);
    socket.say(response);
  }

  /** A gateway that opens another one has lost the one before: two leases are one too many. */
  #begun(socket: PostSocket): void {
    socket.live = true;
    for (const other of this.#sockets.values()) {
      if (other !== socket && other.live) other.end.stop();
    }
  }
}

/** One session's frames, out of POSTs that may overtake each other. */
class PostSocket implements Socket {
  readonly end: ConnectorEnd;
  live = false;
  /** What nobody has fetched yet. */
  #lines: string[] = [];
  #bytes = 0;
  #closed = false;
  /** Bytes of the other side that it has not delivered yet. */
  #held = 0;
  /** The turn that comes next, and those that came too early. */
  #turn = 0;
  readonly #early = new Map<number, { readonly body: Buffer; readonly response: ServerResponse }>();
  /** By id: who waits for an answer. */
  readonly #waiting = new Map<string, ServerResponse>();

  constructor(begin: (socket: Socket) => ConnectorEnd) {
    this.end = begin(this);
  }

  send(text: string): boolean {
    if (this.#closed) return false;
    this.#lines.push(text);
    this.#bytes += text.length;
    const id = answeredBy(text);
    const waiting = id === null ? undefined : this.#waiting.get(id);
    if (id !== null && waiting !== undefined) {
      this.#waiting.delete(id);
      this.say(waiting);
    }
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const left = [
      ...this.#waiting.values(),
      ...[...this.#early.values()].map((one) => one.response),
    ];
    this.#waiting.clear();
    this.#early.clear();
    for (const response of left) refuse(response, 410);
  }

  buffered(): number {
    return this.#bytes;
  }

  /** Null: more than it may be. What is read is held until it is taken, and given back here otherwise. */
  async read(request: IncomingMessage): Promise<Buffer | null> {
    const chunks: Buffer[] = [];
    let size = 0;
    let whole = false;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        size += chunk.length;
        this.#held += chunk.length;
        const [frame, all] = this.live
          ? [MAX_FRAME_BYTES, MAX_BUFFERED_BYTES]
          : [MAX_HANDSHAKE_FRAME_BYTES, MAX_UNPROVEN_BYTES];
        if (size > frame || this.#held > all) return null;
        chunks.push(chunk);
      }
      whole = true;
      return Buffer.concat(chunks, size);
    } finally {
      if (!whole) this.#held -= size;
    }
  }

  /** In the order in which they were sent; a turn that comes twice is a copy. */
  take(turn: number, body: Buffer, response: ServerResponse): void {
    const late = turn < this.#turn || this.#early.has(turn);
    if (this.#closed || late || turn >= this.#turn + MAX_OVERTAKING) {
      this.#held -= body.length;
      return refuse(response, 409);
    }
    this.#early.set(turn, { body, response });
    for (;;) {
      const next = this.#early.get(this.#turn);
      if (next === undefined) return;
      this.#early.delete(this.#turn++);
      this.#held -= next.body.length;
      // Bytes that are no text are no frame, and end the session.
      this.#deliver(next.body.toString("utf8"), next.response);
    }
  }

  /** Everything that is there to be said. */
  say(response: ServerResponse): void {
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    if (!response.headersSent) response.writeHead(200, { "content-type": FRAME_TYPE });
    response.end(lines.map((line) => `${line}\n`).join(""));
  }

  #deliver(text: string, response: ServerResponse): void {
    const id = askedBy(text);
    if (id !== null) {
      // One id for two: the session ends over it, and then nobody would answer the first.
      const first = this.#waiting.get(id);
      if (first !== undefined) refuse(first, 410);
      this.#waiting.set(id, response);
      // Its answer goes with the next beat, then.
      response.once("close", () => {
        if (this.#waiting.get(id) === response) this.#waiting.delete(id);
      });
    }
    this.end.message(text);
    if (this.#closed) {
      if (!response.writableEnded) refuse(response, 410);
    } else if (id === null) {
      this.say(response);
    } else if (!response.headersSent) {
      // A Worker has six requests at a time that wait for headers: its beats must not stand behind calls.
      response.writeHead(200, { "content-type": FRAME_TYPE });
      response.flushHeaders();
    }
  }
}

/** An answer that has begun can only be broken off, which says the same: no answer, no session. */
function refuse(response: ServerResponse, status: number): void {
  if (response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  response.writeHead(status);
  response.end();
}
