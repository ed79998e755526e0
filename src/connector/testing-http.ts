import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import {
  createServer as createTcp,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from "node:net";
import { afterEach } from "vitest";
import type { HttpDestination } from "./config.ts";
import { type Execution, HeldBytes } from "./executor.ts";
import { HttpExecutor } from "./http.ts";
import { httpDestination, httpExecution } from "./testing.ts";

export const CAP = 1_000;
export const execution = (method = "GET", change: Partial<Execution> = {}): Execution =>
  httpExecution(method, { cap: CAP, ...change });
export const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

export async function listening(server: Server | TcpServer): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function service(
  listener: RequestListener,
): Promise<{ executor: HttpExecutor; requests: () => number }> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  const origin = await listening(server);
  closing.push(() => server.closeAllConnections());
  return { executor: executorFor(origin), requests: () => requests };
}

/** A server of raw bytes, for what Node's own would not say. */
export async function raw(answer: (socket: Socket) => void): Promise<HttpExecutor> {
  return executorFor(await rawOrigin(answer));
}

export async function rawOrigin(answer: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createTcp((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => answer(socket));
  });
  const origin = await listening(server);
  closing.push(() => sockets.forEach((one) => one.destroy()));
  return origin;
}

export function executorFor(origin: string, change: Partial<HttpDestination> = {}): HttpExecutor {
  const executor = new HttpExecutor(httpDestination({ origin, ...change }), new HeldBytes());
  closing.push(() => executor.close());
  return executor;
}
