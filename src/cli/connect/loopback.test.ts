import { request } from "node:http";
import { connect } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PosternError } from "../../sdk/error.ts";
import { DANA, Fixture } from "../../surfaces/mcp/testing.ts";
import { type Loopback, listenLoopback } from "./loopback.ts";

let fixture: Fixture;
let loopback: Loopback;
let received: Request[];
let unreachable: boolean;

beforeEach(async () => {
  fixture = new Fixture();
  received = [];
  unreachable = false;
  const mcpUrl = "https://gateway.example/acme/mcp";
  const surface = fixture.fetchAs(DANA);
  loopback = await listenLoopback(
    {
      mcpUrl,
      fetch: (url, init) => {
        if (unreachable) throw new PosternError("unreachable", null, "The gateway did not answer.");
        received.push(new Request(url, init));
        return surface(url, init);
      },
      renew: async () => {},
    },
    0,
  );
});
afterEach(() => loopback.close());

/** With headers that `fetch` would not let us choose. */
function status(headers: { [name: string]: string }, path = "/mcp"): Promise<number | undefined> {
  const { port } = new URL(loopback.url);
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method: "POST", headers };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end("{}");
  });
}

describe("the loopback endpoint", () => {
  it.each([["2026-07-28", { pin: "2026-07-28" }] as const, ["2025-11-25", "legacy"] as const])(
    "serves the official client in %s",
    async (version, mode) => {
      const client = new Client({ name: "t", version: "0" }, { versionNegotiation: { mode } });
      await client.connect(new StreamableHTTPClientTransport(new URL(loopback.url)));
      expect(client.getNegotiatedProtocolVersion()).toBe(version);
      const result = await client.callTool({ name: "customers_find", arguments: { id: "c1" } });
      expect(result.structuredContent).toEqual({ tool: "customers_find", args: { id: "c1" } });
      await client.close();
    },
  );

  it("answers what the gateway answers, refusals included", async () => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(loopback.url, { method: "POST", headers, body: '{"a":1,"a":2}' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: -32600 }, id: null });
    const get = await fetch(loopback.url);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("passes on the headers of the protocol and nothing that is the client's own", async () => {
    await fetch(loopback.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "mcp-method": "tools/list",
        prefer: "wait=5",
        authorization: "Bearer x",
        cookie: "a=b",
        "x-anything": "1",
      },
      body: "{}",
    });
    expect([...(received[0]?.headers.keys() ?? [])].toSorted()).toEqual([
      "accept",
      "content-type",
      "mcp-method",
      "prefer",
    ]);
  });

  it("gives 502 when the gateway is not there", async () => {
    unreachable = true;
    expect((await fetch(loopback.url, { method: "POST", body: "{}" })).status).toBe(502);
  });

  it("listens on the loopback address only", () => {
    expect(new URL(loopback.url).hostname).toBe("127.0.0.1");
  });

  it("accepts its own names as host and origin", async () => {
    const { port } = new URL(loopback.url);
    for (const name of ["127.0.0.1", "localhost", "[::1]"]) {
      const host = `${name}:${port}`;
      // 415 comes from the gateway: the request got there.
      expect(await status({ host, origin: `http://${host}` })).toBe(415);
    }
  });

  it.each([
    { host: "evil.example" },
    { host: "127.0.0.1" },
    { host: "localhost.evil.example:PORT" },
    { host: "127.0.0.1:PORT", origin: "http://evil.example:PORT" },
    { host: "127.0.0.1:PORT", origin: "https://127.0.0.1:PORT" },
    { host: "127.0.0.1:PORT", origin: "http://127.0.0.1:1" },
    { host: "127.0.0.1:PORT", origin: "null" },
  ])("refuses %j, which a page of another site could send", async (headers) => {
    const { port } = new URL(loopback.url);
    const named = Object.entries(headers).map(([name, value]) => {
      return [name, value.replace("PORT", port)];
    });
    expect(await status(Object.fromEntries(named))).toBe(403);
    expect(received).toEqual([]);
  });

  it("knows one path", async () => {
    const { host } = new URL(loopback.url);
    expect(await status({ host }, "/mcp/../admin")).toBe(404);
  });

  it("does not take in more than a message may have", async () => {
    const body = "x".repeat(4 * 1_024 * 1_024 + 2);
    expect((await fetch(loopback.url, { method: "POST", body })).status).toBe(413);
    expect(received).toEqual([]);
  });

  it("lets a client that writes everything before it reads see the refusal", async () => {
    const { host, port } = new URL(loopback.url);
    const socket = connect(Number(port), "127.0.0.1");
    const size = 32 * 1_024 * 1_024;
    socket.write(`POST /mcp HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${size}\r\n\r\n`);
    await new Promise<void>((resolve, reject) => {
      socket.write("x".repeat(size), (error) => (error == null ? resolve() : reject(error)));
    });
    let heard = "";
    for await (const chunk of socket) heard += String(chunk);
    expect(heard).toMatch(/^HTTP\/1\.1 413 /);
  });
});
