import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const GIGABYTE = 1_024 ** 3;
const BLOCK = Buffer.alloc(64 * 1_024, "x");
const CHUNK = Buffer.concat([Buffer.from("10000\r\n"), BLOCK, Buffer.from("\r\n")]);
/** A thousandth of what comes out of it. */
const BOMB = gzipSync(Buffer.alloc(64 * 1_024 * 1_024));
const DRIP_MS = 50;

type Attack = (socket: Socket) => void;

/** A private service that has been taken over: bytes by hand, for what no server library would say. */
export const ATTACKS: { readonly [name: string]: Attack } = {
  "a gigabyte in chunks": (socket) => flood(socket, CHUNKED, CHUNK),
  "a gigabyte as announced": (socket) =>
    flood(socket, `${OK}content-length: ${GIGABYTE}\r\n\r\n`, BLOCK),
  "a gigabyte without an end": (socket) => flood(socket, `${OK}connection: close\r\n\r\n`, BLOCK),
  "a gzip bomb": (socket) => {
    socket.write(`${OK}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`);
    socket.write(BOMB);
  },
  "a gzip bomb that does not say so": (socket) => {
    socket.write(`${OK}content-length: ${BOMB.length}\r\n\r\n`);
    socket.write(BOMB);
  },
  "a gzip bomb as a transfer coding": (socket) => {
    socket.write(`${OK}transfer-encoding: gzip, chunked\r\n\r\n`);
    socket.write(`${BOMB.length.toString(16)}\r\n`);
    socket.write(BOMB);
    socket.write("\r\n0\r\n\r\n");
  },
  "a byte now and then, for ever": (socket) => {
    socket.write(CHUNKED);
    drip(socket, "1\r\nx\r\n");
  },
  silence: () => undefined,
  "headers without an end": (socket) => flood(socket, `${OK}x: `, BLOCK),
  "a header now and then, for ever": (socket) => {
    socket.write(OK);
    drip(socket, "a: b\r\n");
  },
  "interim answers without an end": (socket) =>
    flood(socket, "", Buffer.from("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000))),
  "a chunk extension without an end": (socket) => flood(socket, `${CHUNKED}1;`, BLOCK),
  "a trailer without an end": (socket) => flood(socket, `${CHUNKED}0\r\nx: `, BLOCK),
  "two answers": (socket) => {
    const one = `${OK}content-length: 12\r\n\r\n{"text":"ok"}`;
    socket.write(one + one);
  },
};

export class HostileService {
  readonly origin: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<HostileService> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
      socket.on("data", (bytes) => {
        const wanted = /^GET \/bad\?kind=(\S+) /.exec(bytes.toString("latin1"))?.[1] ?? "";
        ATTACKS[decodeURIComponent(wanted.replaceAll("+", " "))]?.(socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new HostileService(server, sockets);
  }

  /** Connections that nobody has closed yet. */
  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** As fast as the other side takes it. */
function flood(socket: Socket, head: string, block: Buffer): void {
  socket.write(head);
  let sent = 0;
  const more = (): void => {
    while (!socket.destroyed && sent < GIGABYTE) {
      sent += block.length;
      if (!socket.write(block)) return void socket.once("drain", more);
    }
  };
  more();
}

function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), DRIP_MS);
  socket.once("close", () => clearInterval(timer));
}
