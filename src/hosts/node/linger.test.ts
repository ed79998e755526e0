import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { afterEach, describe, expect, it } from "vitest";
import { lingering, LingeringResponse, type LingerLimits } from "./linger.ts";

const MIB = 1_024 * 1_024;
const REFUSAL = "no, that is too large";

const refuse: RequestListener = (_request, response) => {
  response.writeHead(413).end(REFUSAL);
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listening(listener: RequestListener, limits?: LingerLimits): Promise<Server> {
  const server = createServer({ ServerResponse: LingeringResponse }, lingering(listener, limits));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A client, and the server's end of its connection. */
async function connected(server: Server): Promise<{ client: Socket; served: Socket }> {
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [served] = (await accepted) as [Socket];
  return { client, served };
}

async function written(client: Socket, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.write(text, (error) => (error == null ? resolve() : reject(error)));
  });
}

async function heard(client: Socket): Promise<string> {
  let text = "";
  for await (const chunk of client) text += String(chunk);
  return text;
}

const post = (...headers: string[]): string =>
  ["POST / HTTP/1.1", "host: x", ...headers, "", ""].join("\r\n");

describe("an answer that comes before its request is in", () => {
  it("reaches a client that reads only after it has sent everything", async () => {
    const { client } = await connected(await listening(refuse));
    await written(client, post(`content-length: ${32 * MIB}`));
    await written(client, "x".repeat(32 * MIB));
    expect(await heard(client)).toContain(REFUSAL);
  });

  it("reaches it although somebody began to read the body and gave up", async () => {
    const app = getRequestListener(async (request) => {
      for await (const chunk of request.body ?? []) if (chunk.length > 0) break;
      return new Response(REFUSAL, { status: 413 });
    });
    const { client } = await connected(await listening((...one) => void app(...one)));
    await written(client, post("transfer-encoding: chunked"));
    const chunk = `${MIB.toString(16)}\r\n${"x".repeat(MIB)}\r\n`;
    await written(client, `${chunk.repeat(32)}0\r\n\r\n`);
    expect(await heard(client)).toContain(REFUSAL);
  });

  it("says that it is the last one, so that no further request is lost", async () => {
    const { client } = await connected(await listening(refuse));
    await written(client, `${post("content-length: 100")}half`);
    expect(await heard(client)).toMatch(/\r\nconnection: close\r\n/i);
  });

  it("is the last one, whatever follows the body", async () => {
    const paths: unknown[] = [];
    const server = await listening((request, response) => {
      paths.push(request.url);
      refuse(request, response);
    });
    const { client, served } = await connected(server);
    await written(client, `${post("content-length: 4")}ha`);
    await once(client, "readable");
    const closed = once(served, "close");
    await written(client, "lfGET /next HTTP/1.1\r\nhost: x\r\n\r\n");
    await closed;
    expect(paths).toEqual(["/"]);
  });

  it("is followed by no more than so many bytes", async () => {
    const server = await listening(refuse, { bytes: MIB, ms: 60_000 });
    const { client, served } = await connected(server);
    client.on("error", () => undefined);
    client.write(`${post(`content-length: ${64 * MIB}`)}${"x".repeat(32 * MIB)}`);
    await once(served, "close");
    expect(served.bytesRead).toBeLessThan(2 * MIB);
  });

  it("is followed by nothing for longer than so many milliseconds", async () => {
    const server = await listening(refuse, { bytes: MIB, ms: 20 });
    const { client, served } = await connected(server);
    client.write(`${post("content-length: 100")}half`);
    await once(served, "close");
    expect(served.destroyed).toBe(true);
  });
});

describe("an answer to a request that is in", () => {
  it("leaves the connection open", async () => {
    const server = await listening((request, response) => {
      request.resume().once("end", () => response.end("thanks"));
    });
    const { client } = await connected(server);
    let text = "";
    client.on("data", (chunk) => (text += String(chunk)));
    for (const times of [1, 2]) {
      client.write(`${post("content-length: 4")}half`);
      while (text.split("thanks").length <= times) await once(client, "data");
    }
    expect(text).not.toMatch(/connection: close/i);
    client.destroy();
  });

  it("leaves it open where there was no body to wait for", async () => {
    const server = await listening((_request, response) => void response.end("at once"));
    const { client } = await connected(server);
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const [chunk] = (await once(client, "data")) as [Buffer];
    expect(String(chunk)).toMatch(/\r\nconnection: keep-alive\r\n/i);
    client.destroy();
  });
});
