import { once } from "node:events";
import { PassThrough } from "node:stream";
import { Client, type JSONRPCMessage, type Transport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { PosternError } from "../../sdk/error.ts";
import { mcpGreeting } from "../../surfaces/mcp/surface.ts";
import { CliError } from "../exit.ts";
import { DANA, Fixture } from "../../surfaces/mcp/testing.ts";
import { envelopeOf } from "./envelope.ts";
import { readLines } from "./lines.ts";
import { bridgeStdio } from "./stdio.ts";
import type { Credentialed } from "./upstream.ts";

class Bridged {
  readonly fixture = new Fixture();
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly stop = new AbortController();
  readonly lines = readLines(this.output, 16 * 1_024 * 1_024);
  fetch = this.fixture.fetchAs(DANA);
  opened = 0;
  open = async (): Promise<Credentialed> => {
    this.opened++;
    return {
      mcpUrl: "https://gateway.example/acme/mcp",
      fetch: (url, init) => this.fetch(url, init),
      renew: async () => {},
    };
  };

  readonly ended = bridgeStdio({
    workflow: () => this.open(),
    greet: mcpGreeting,
    input: this.input,
    output: this.output,
    signal: this.stop.signal,
  });

  send(message: unknown): void {
    this.input.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
  }

  async next(): Promise<unknown> {
    const { value } = await this.lines.next();
    return JSON.parse(value ?? "null");
  }

  async end(): Promise<void> {
    this.input.end();
    await this.ended;
  }
}

/** What an MCP client needs of a process it has started. */
class PipeTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #bridged: Bridged;

  constructor(bridged: Bridged) {
    this.#bridged = bridged;
  }

  async start(): Promise<void> {
    void (async () => {
      for await (const line of this.#bridged.lines) this.onmessage?.(JSON.parse(line ?? "null"));
    })();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#bridged.send(message);
  }

  async close(): Promise<void> {
    await this.#bridged.end();
    this.onclose?.();
  }
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const CLIENT = { name: "t", version: "0" };
const call = (id: number) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "customers_find", arguments: { id }, _meta: META },
});

describe("MCP on standard input and output", () => {
  it.each([["2026-07-28", { pin: "2026-07-28" }] as const, ["2025-11-25", "legacy"] as const])(
    "serves the official client in %s",
    async (version, mode) => {
      const bridged = new Bridged();
      const client = new Client({ name: "t", version: "0" }, { versionNegotiation: { mode } });
      await client.connect(new PipeTransport(bridged));
      expect(client.getNegotiatedProtocolVersion()).toBe(version);
      expect((await client.listTools()).tools).toHaveLength(2);
      const result = await client.callTool({ name: "customers_find", arguments: { id: "c1" } });
      expect(result.structuredContent).toEqual({ tool: "customers_find", args: { id: "c1" } });
      await client.close();
    },
  );

  it("answers what is in flight before it ends", async () => {
    const bridged = new Bridged();
    for (let id = 0; id < 100; id++) bridged.send(call(id));
    await bridged.end();
    bridged.output.end();
    const ids: unknown[] = [];
    for await (const line of bridged.lines) ids.push(JSON.parse(line ?? "null").id);
    expect(ids.toSorted((a, b) => Number(a) - Number(b))).toEqual([...Array(100).keys()]);
  });

  it("greets without a workflow, and opens it for the first request that needs one", async () => {
    const bridged = new Bridged();
    const discover = { jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: META } };
    bridged.send(discover);
    expect(await bridged.next()).toMatchObject({ id: 1, result: { capabilities: { tools: {} } } });
    bridged.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    bridged.send(discover);
    await bridged.next();
    expect(bridged.opened).toBe(0);
    bridged.send(call(2));
    await bridged.next();
    expect(bridged.opened).toBe(1);
    await bridged.end();
  });

  it("greets exactly as the gateway does", async () => {
    const bridged = new Bridged();
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: CLIENT };
    for (const message of [
      { jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: META } },
      { jsonrpc: "2.0", id: 1, method: "initialize", params },
    ]) {
      bridged.send(message);
      const { headers } = envelopeOf(message, null);
      const init = { method: "POST", headers, body: JSON.stringify(message) };
      const answer = await (await bridged.fetch("https://gateway.example/", init)).text();
      expect(answer).toContain(JSON.stringify(await bridged.next()));
    }
    await bridged.end();
  });

  it("tells why no workflow could be opened, and tries again at the next request", async () => {
    const bridged = new Bridged();
    const { open } = bridged;
    bridged.open = () => Promise.reject(new CliError("the human's sign-in gave no ID token"));
    bridged.send(call(1));
    expect(await bridged.next()).toMatchObject({
      id: 1,
      error: { code: -32603, message: "the human's sign-in gave no ID token" },
    });
    bridged.open = open;
    bridged.send(call(2));
    expect(await bridged.next()).toMatchObject({ id: 2, result: {} });
    await bridged.end();
  });

  it("does not wait for a sign-in when it is stopped", async () => {
    const bridged = new Bridged();
    const asked = new Promise<void>((resolve) => {
      bridged.open = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    bridged.send(call(1));
    await asked;
    bridged.stop.abort();
    bridged.input.destroy();
    await bridged.ended;
  });

  it("says what is wrong with a broken message", async () => {
    const bridged = new Bridged();
    bridged.send('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}');
    expect(await bridged.next()).toMatchObject({ id: null, error: { code: -32600 } });
    bridged.send("{");
    expect(await bridged.next()).toMatchObject({ id: null, error: { code: -32700 } });
    await bridged.end();
  });

  it("refuses a message over 4 MiB and goes on", async () => {
    const bridged = new Bridged();
    bridged.send("x".repeat(4 * 1_024 * 1_024 + 1));
    expect(await bridged.next()).toMatchObject({ id: null, error: { code: -32600 } });
    bridged.send(call(1));
    expect(await bridged.next()).toMatchObject({ id: 1, result: {} });
    await bridged.end();
  });

  it("hangs up on a request that is cancelled, and answers it no more", async () => {
    const bridged = new Bridged();
    let signal: AbortSignal | null | undefined;
    const answering = bridged.fetch;
    const sent = new Promise<void>((resolve) => {
      bridged.fetch = async (_url, init) => {
        signal = init?.signal;
        resolve();
        await once(signal ?? new EventTarget(), "abort");
        throw new DOMException("aborted", "AbortError");
      };
    });
    bridged.send(call(1));
    await sent;
    bridged.fetch = answering;
    bridged.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
    bridged.send(call(2));
    expect(await bridged.next()).toMatchObject({ id: 2 });
    expect(signal?.aborted).toBe(true);
    await bridged.end();
  });

  it("tells the gateway of it where hanging up says nothing, and hangs up then", async () => {
    const bridged = new Bridged();
    const heard: string[] = [];
    const sent = new Promise<void>((resolve) => {
      bridged.fetch = async (_url, init) => {
        const { method } = JSON.parse(String(init?.body)) as { method: string };
        heard.push(method);
        if (method !== "tools/call") return new Response(null, { status: 202 });
        resolve();
        await once(init?.signal ?? new EventTarget(), "abort");
        heard.push("hung up");
        throw new DOMException("aborted", "AbortError");
      };
    });
    const { name, arguments: args } = call(1).params;
    bridged.send({ ...call(1), params: { name, arguments: args } });
    await sent;
    bridged.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
    await bridged.end();
    expect(heard).toEqual(["tools/call", "notifications/cancelled", "hung up"]);
    expect(bridged.output.readableLength).toBe(0);
  });

  it("tells the client of a gateway that does not answer as one", async () => {
    const bridged = new Bridged();
    bridged.fetch = async () => new Response("<html>", { status: 502 });
    bridged.send(call(1));
    expect(await bridged.next()).toEqual({
      jsonrpc: "2.0",
      id: 1,
      error: { code: -32603, message: "The gateway answered 502 without a message." },
    });
    bridged.fetch = async () => {
      throw new PosternError("unreachable", null, "The gateway did not answer.");
    };
    bridged.send(call(2));
    expect(await bridged.next()).toMatchObject({
      id: 2,
      error: { code: -32603, message: "The gateway did not answer." },
    });
    // A notification is nobody's question.
    bridged.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    await bridged.end();
    expect(bridged.output.readableLength).toBe(0);
  });

  it("relays an event stream message by message", async () => {
    const bridged = new Bridged();
    const events =
      'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\ndata: {\ndata: "jsonrpc":"2.0","id":1,"result":{}}\n\n';
    bridged.fetch = async () =>
      new Response(events, { headers: { "content-type": "text/event-stream" } });
    bridged.send(call(1));
    expect(await bridged.next()).toEqual({ jsonrpc: "2.0", method: "notifications/progress" });
    expect(await bridged.next()).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
    await bridged.end();
  });

  it("ends at once when it is stopped, whatever is in flight", async () => {
    const bridged = new Bridged();
    const sent = new Promise<void>((resolve) => {
      bridged.fetch = async (_url, init) => {
        resolve();
        await once(init?.signal ?? new EventTarget(), "abort");
        throw new DOMException("aborted", "AbortError");
      };
    });
    bridged.send(call(1));
    await sent;
    bridged.stop.abort();
    bridged.input.destroy();
    await bridged.ended;
    expect(bridged.output.readableLength).toBe(0);
  });
});
