import { DEFAULT_REQUEST_TIMEOUT_MSEC } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { WAIT_MS } from "../../gateway/join.ts";
import { DANA, Fixture, LISTED } from "./testing.ts";

const URL_ = "https://gateway.example/acme/mcp";
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const call = (params: object = {}): object => ({
  jsonrpc: "2.0",
  id: 7,
  method: "tools/call",
  params: { name: "customers_find", arguments: {}, _meta: META, ...params },
});
const MODERN = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2026-07-28",
  "mcp-method": "tools/call",
  "mcp-name": "customers_find",
};
const LEGACY = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2025-11-25",
};

interface Sent {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string | null };
  readonly body?: BodyInit | object;
}

/** Sends one request; a header set to null is left out. */
async function send(fixture: Fixture, { method = "POST", headers = {}, body = call() }: Sent) {
  const sent = Object.entries({ ...MODERN, ...headers }).filter((pair) => pair[1] !== null);
  const raw =
    typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  const response = await fixture.surface(
    new Request(URL_, {
      method,
      headers: Object.fromEntries(sent) as Record<string, string>,
      ...(method === "POST" && { body: raw ? (body as BodyInit) : JSON.stringify(body) }),
      duplex: "half",
    } as RequestInit),
    DANA,
  );
  const text = await response.text();
  const json = text.startsWith("{") ? JSON.parse(text) : null;
  return { status: response.status, code: json?.error?.code, json, text, response };
}

/** Nothing that was refused at the edge may have reached the gateway. */
async function refused(sent: Sent): Promise<readonly [number, number | undefined]> {
  const fixture = new Fixture();
  const { status, code } = await send(fixture, sent);
  expect(fixture.calls).toEqual([]);
  return [status, code];
}

describe("the MCP endpoint", () => {
  it("answers a message that breaks off like any other that it cannot read", async () => {
    const body = new ReadableStream({ start: (stream) => stream.error(new Error("gone")) });
    expect(await refused({ body })).toEqual([400, -32600]);
  });

  it("accepts the request that all the refused ones below are made from", async () => {
    const fixture = new Fixture();
    const { status, json } = await send(fixture, {});
    expect(status).toBe(200);
    expect(json).toMatchObject({ id: 7, result: { resultType: "complete" } });
    expect(fixture.calls).toHaveLength(1);
  });

  it("looks through its own list for a tool of that name, and calls nothing", async () => {
    const fixture = new Fixture();
    const asked = call({ name: "find_tools", arguments: { task: "a customer", limit: 3 } });
    const { json } = await send(fixture, { body: asked, headers: { "mcp-name": "find_tools" } });
    expect(json).toMatchObject({
      result: { structuredContent: { tools: [{ name: "customers_find" }] } },
    });
    expect(fixture.asked).toEqual([{ task: "a customer", most: 3 }]);
    expect(fixture.calls).toEqual([]);

    // What is wrong with its arguments is for the model to read, like what is wrong with any tool's.
    const wrong = call({ name: "find_tools", arguments: { limit: 3 } });
    const told = await send(fixture, { body: wrong, headers: { "mcp-name": "find_tools" } });
    expect(told.json).toMatchObject({ result: { isError: true, content: [{ type: "text" }] } });
    expect(fixture.asked).toHaveLength(1);
    expect(fixture.calls).toEqual([]);

    // A bundle may have a tool of that name: it is called like any other.
    fixture.more = [{ ...LISTED[0], name: "find_tools" }];
    await send(fixture, { body: asked, headers: { "mcp-name": "find_tools" } });
    expect(fixture.calls.map(({ tool }) => tool)).toEqual(["find_tools"]);
  });

  it("takes an absent argument object as an empty one", async () => {
    const fixture = new Fixture();
    await send(fixture, { body: call({ arguments: undefined }) });
    expect(fixture.calls[0]?.args).toEqual({});
  });

  const reporting = (usage: unknown, meta: object = META): object =>
    call({ _meta: { ...meta, "dev.postern/usage": usage } });
  const older = { ...LEGACY, "mcp-method": null, "mcp-name": null };

  it.each([
    ["2026-07-28", META, {}],
    ["2025-11-25", {}, older],
  ])("hands over the tokens that a client of %s reports with a call", async (_, meta, headers) => {
    const fixture = new Fixture();
    await send(fixture, { body: reporting({ tokens: 1_234 }, meta), headers });
    await send(fixture, { body: call({ _meta: meta }), headers });
    expect(fixture.calls.map(({ usage }) => usage)).toEqual([1_234, null]);
  });

  it.each([
    ...[7, "7", null, [], {}, { tokens: 0 }, { tokens: -1 }, { tokens: 1.5 }, { tokens: "7" }],
    ...[{ tokens: 1e10 }, { tokens: 1, cost: 1 }, { Tokens: 1 }, [{ tokens: 1 }]],
  ])("answers a report of %j with -32602, in both eras, and calls nothing", async (usage) => {
    const fixture = new Fixture();
    for (const sent of [
      { body: reporting(usage) },
      { body: reporting(usage, {}), headers: older },
    ]) {
      const { text } = await send(fixture, sent);
      expect(text).toContain("-32602");
    }
    expect(fixture.calls).toEqual([]);
  });

  it.each([
    ["2026-07-28", META, {}],
    ["2025-11-25", {}, older],
  ])("hands over how long a client of %s will wait for humans", async (_, meta, headers) => {
    const fixture = new Fixture();
    const body = call({ _meta: meta });
    for (const prefer of ["wait=20", "respond-async, wait=3", "wait=0", "wait=x", null]) {
      await send(fixture, { body, headers: { ...headers, prefer } });
    }
    expect(fixture.calls.map(({ waitMs }) => waitMs)).toEqual([20_000, 3_000, 0, null, null]);
  });

  it("waits less by itself than the official client does", () => {
    expect(WAIT_MS).toBeLessThan(DEFAULT_REQUEST_TIMEOUT_MSEC);
  });

  it.each(["GET", "DELETE", "PUT"])("answers %s with 405 and names POST", async (method) => {
    const { status, response } = await send(new Fixture(), { method });
    expect([status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("lets in the browsers it knows and no other", async () => {
    const known = await send(new Fixture(), { headers: { origin: "https://console.example" } });
    expect(known.status).toBe(200);
    expect(await refused({ headers: { origin: "https://evil.example" } })).toEqual([403, -32600]);
    expect(await refused({ headers: { origin: "null" } })).toEqual([403, -32600]);
  });

  it("reads JSON and nothing else", async () => {
    expect(await refused({ headers: { "content-type": "text/plain" } })).toEqual([415, -32600]);
    expect(await refused({ body: "{" })).toEqual([400, -32700]);
    expect(await refused({ body: "" })).toEqual([400, -32700]);
    expect(await refused({ body: new Uint8Array([0x22, 0xff, 0x22]) })).toEqual([400, -32700]);
  });

  it.each([
    ["a duplicate key", '{"jsonrpc":"2.0","id":1,"method":"a","method":"tools/call"}'],
    ["__proto__", JSON.stringify(call()).replace('"arguments":{}', '"arguments":{"__proto__":{}}')],
    ["depth", `${"[".repeat(65)}${"]".repeat(65)}`],
    ["half a character", '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}'],
    ["a batch", `[${JSON.stringify(call())}]`],
    ["no message", '"hello"'],
  ])("refuses %s with 400 -32600", async (_what, body) => {
    expect(await refused({ body })).toEqual([400, -32600]);
  });

  it("serves a message of 4 MiB and refuses one byte more, announced or not", async () => {
    const empty = JSON.stringify(call({ arguments: { text: "" } }));
    const sized = (bytes: number): string =>
      JSON.stringify(call({ arguments: { text: "x".repeat(bytes - empty.length) } }));
    expect((await send(new Fixture(), { body: sized(4_194_304) })).status).toBe(200);
    expect(await refused({ body: sized(4_194_305) })).toEqual([413, -32600]);
    const stream = new Blob([sized(4_194_305)]).stream();
    expect(await refused({ body: stream })).toEqual([413, -32600]);
    const headers = { "content-length": "4194305" };
    expect(await refused({ headers, body: sized(1_000) })).toEqual([413, -32600]);
  });

  it.each([
    ["mcp-method", "tools/list"],
    ["mcp-method", null],
    ["mcp-name", "payroll_list"],
    ["mcp-name", "customers_find, payroll_list"],
    ["mcp-name", null],
    ["mcp-protocol-version", null],
    ["mcp-protocol-version", "2025-11-25"],
  ])("refuses a request whose %s header is %s with 400 -32020", async (name, value) => {
    expect(await refused({ headers: { [name]: value } })).toEqual([400, -32020]);
  });

  it("holds the older era to the same headers where it sends them", async () => {
    const body = call({ _meta: {} });
    const legacy = { ...LEGACY, "mcp-method": null, "mcp-name": null };
    expect((await send(new Fixture(), { headers: legacy, body })).status).toBe(200);
    for (const wrong of [{ "mcp-name": "payroll_list" }, { "mcp-method": "tools/list" }]) {
      expect(await refused({ headers: { ...legacy, ...wrong }, body })).toEqual([400, -32020]);
    }
  });

  it("refuses a version it does not know, and says which it does", async () => {
    const version = "2031-01-01";
    const { status, json } = await send(new Fixture(), {
      headers: { "mcp-protocol-version": version },
      body: call({ _meta: { ...META, "io.modelcontextprotocol/protocolVersion": version } }),
    });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: -32022, data: { supported: ["2026-07-28"] } });
  });

  it("refuses a request of the newer era without its _meta with 400 -32602", async () => {
    expect(await refused({ body: call({ _meta: undefined }) })).toEqual([400, -32602]);
    const { "io.modelcontextprotocol/clientCapabilities": _, ...meta } = META;
    expect(await refused({ body: call({ _meta: meta }) })).toEqual([400, -32602]);
  });

  it.each(["initialize", "ping", "resources/list", "tasks/list", "subscriptions/listen", "nope"])(
    "answers the method %s with 404 -32601 under the id of the request",
    async (method) => {
      const { status, json } = await send(new Fixture(), {
        headers: { "mcp-method": method, "mcp-name": null },
        body: { jsonrpc: "2.0", id: "q", method, params: { _meta: META } },
      });
      expect(status).toBe(404);
      expect(json).toMatchObject({ id: "q", error: { code: -32601 } });
    },
  );

  it.each(["tools/list", "server/discover"])("marks %s private to the caller", async (method) => {
    const { json } = await send(new Fixture(), {
      headers: { "mcp-method": method, "mcp-name": null },
      body: { jsonrpc: "2.0", id: 1, method, params: { _meta: META } },
    });
    expect(json.result).toMatchObject({ ttlMs: 5_000, cacheScope: "private" });
  });

  it("refuses a cursor, because no list has a second page", async () => {
    const { json } = await send(new Fixture(), {
      headers: { "mcp-method": "tools/list", "mcp-name": null },
      body: { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: META, cursor: "2" } },
    });
    expect(json.error.code).toBe(-32602);
  });

  it("leaves the unknown tool to the gateway, which records it", async () => {
    const fixture = new Fixture();
    const name = "pаyroll\u202e\u001b[31m";
    const encoded = `=?base64?${Buffer.from(name).toString("base64")}?=`;
    const { status } = await send(fixture, {
      headers: { "mcp-name": encoded },
      body: call({ name }),
    });
    expect(status).toBe(200);
    expect(fixture.calls[0]?.tool).toBe(name);
  });

  it.each([["text"], [7], [[1]], [null]])("refuses %j as arguments", async (args) => {
    expect((await refused({ body: call({ arguments: args }) }))[1]).toBe(-32602);
  });

  it("answers each of many requests at once with its own result", async () => {
    const fixture = new Fixture();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => send(fixture, { body: call({ arguments: { n } }) })),
    );
    // The same JSON-RPC id on all of them: only the exchange itself tells them apart.
    expect(answers.map(({ json }) => json.result.structuredContent.args.n)).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    );
  });
});
