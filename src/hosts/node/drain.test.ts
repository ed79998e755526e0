import { once } from "node:events";
import { createServer, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { Draining } from "./drain.ts";

const FOREVER_MS = 60_000;

async function listening(): Promise<{
  readonly server: Server;
  readonly draining: Draining;
  readonly port: number;
}> {
  const server = createServer();
  const draining = new Draining(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, draining, port: (server.address() as AddressInfo).port };
}

describe("draining a server", () => {
  it("waits for the answer of a request that is under way", async () => {
    const { server, draining, port } = await listening();
    const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
    const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
    let drained = false;
    const done = draining.drain(FOREVER_MS).then(() => (drained = true));
    await new Promise(setImmediate);
    expect(drained).toBe(false);
    response.end("late, but here");
    expect(await answer).toBe("late, but here");
    expect(await done).toBe(true);
  });

  it("does not wait for a socket that became something else", async () => {
    const { server, draining, port } = await listening();
    server.on("upgrade", (_request, socket) =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    );
    const client = request({
      port,
      host: "127.0.0.1",
      headers: { connection: "upgrade", upgrade: "x" },
    }).end();
    const [, socket] = (await once(client, "upgrade")) as [unknown, { destroy(): void }];
    await draining.drain(FOREVER_MS);
    socket.destroy();
  });

  it("gives up on a request that gets no answer", async () => {
    const { server, draining, port } = await listening();
    const answer = fetch(`http://127.0.0.1:${port}/`).catch(() => "cut");
    await once(server, "request");
    await draining.drain(1);
    expect(await answer).toBe("cut");
  });
});
