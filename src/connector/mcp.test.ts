import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { McpServer } from "./config.ts";
import { type Execution, HeldBytes } from "./executor.ts";
import { Reach } from "./lookup.ts";
import { definitionDigest } from "./mcp-definition.ts";
import { McpExecutor } from "./mcp.ts";
import { Secret } from "./secret.ts";
import { publicTls } from "./tls.ts";

const PEER = join(import.meta.dirname, "testing-mcp-peer.ts");
const ECHO = {
  name: "echo",
  description: "Says what it is told.",
  inputSchema: { type: "object" },
};
const PIN = definitionDigest(ECHO);
const limits = { concurrency: 4, queue: 4 };
const root = mkdtempSync(join(tmpdir(), "postern-mcp-peer-"));
const open: McpExecutor[] = [];
let time = 0;

function started(server: McpServer): McpExecutor {
  const held = new HeldBytes();
  const tools = new Set(["echo"]);
  const executor = new McpExecutor({ kind: "mcp", server, tools, limits }, root, held, () => time);
  open.push(executor);
  return executor;
}

function peer(mode: string, env: readonly (readonly [string, string])[] = []): McpExecutor {
  return started({
    command: [process.execPath, PEER, mode],
    env: new Map(env.map(([name, value]) => [name, Secret.fixed(value)])),
  });
}

function asking(args: object = { word: "hi" }, more: Partial<Execution> = {}): Execution {
  return {
    operation: { mcp: { destination: "it", tool: "echo", args: args as never, pin: PIN } },
    ...{ body: null, contentType: null, idempotencyKey: null, mode: "execute", preview: null },
    ...{ token: "t", principals: { human: "h", agent: "a", workflow: "w" }, tool: "tool:echo" },
    ...{ cap: 4_000, remainingMs: () => 60_000, signal: new AbortController().signal },
    journal: () => Promise.resolve(true),
    ...more,
  };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function textOf(answer: Awaited<ReturnType<McpExecutor["execute"]>>): unknown {
  if (!answer.ok) return answer;
  const [block] = (JSON.parse(answer.body) as { content: { text: string }[] }).content;
  return JSON.parse(block?.text ?? "null");
}

describe("a server over stdio", () => {
  it("is asked under the pin of its definition, and its result is the body", async () => {
    const answer = await peer("plain").execute(asking());
    expect(answer).toEqual({
      ...{ ok: true, status: 200, contentType: "application/json", encoding: "utf8" },
      body: '{"content":[{"type":"text","text":"{\\"word\\":\\"hi\\"}"}]}',
      truncated: false,
    });
  });

  it("finds only the environment that is listed, in a folder of its own", async () => {
    const executor = peer("environment", [["ONLY", "this"]]);
    const seen = textOf(await executor.execute(asking())) as { env: object; cwd: string };
    // Node on some systems makes up one variable of its own accord.
    const { __CF_USER_TEXT_ENCODING: _, ...env } = seen.env as { [name: string]: string };
    expect(env).toEqual({ ONLY: "this" });
    expect(seen.cwd.endsWith(root)).toBe(true);
  });

  it.each([
    ["says-so", "another description", 0],
    ["changes-later", "another description", 10_000],
    ["shadow-later", "a second tool of the name", 10_000],
    ["lookalike-later", "a second name that passes for it", 10_000],
  ])("that changes (%s: %s) is not asked again", async (mode, _, ms) => {
    const executor = peer(mode);
    expect(await executor.execute(asking())).toMatchObject({ ok: true });
    time += ms;
    let journaled = 0;
    const journal = (): Promise<boolean> => Promise.resolve(++journaled > 0);
    const drifted = { ok: false, code: "tool_drifted", effect: "none" };
    expect(await executor.execute(asking({}, { journal }))).toEqual(drifted);
    expect(journaled).toBe(0);
  });

  it("whose tool is gone, or under another pin, is not asked", async () => {
    const executor = peer("plain");
    for (const mcp of [
      { destination: "it", tool: "gone", args: {}, pin: PIN },
      { destination: "it", tool: "echo", args: {}, pin: "0".repeat(64) },
    ]) {
      const answer = await executor.execute(asking({}, { operation: { mcp } }));
      expect(answer).toEqual({ ok: false, code: "tool_drifted", effect: "none" });
    }
  });

  it.each([
    ["dies", "connection_terminated", "possible"],
    ["garbage", "output_invalid", "possible"],
    ["duplicate-key", "output_invalid", "possible"],
    ["endless", "response_too_large", "possible"],
    ["large", "response_too_large", "possible"],
    ["no-content", "output_invalid", "possible"],
    ["is-error", "upstream_error", "possible"],
    ["breaks", "upstream_error", "possible"],
    ["refuses", "upstream_rejected", "none"],
    ["floods", "response_too_large", "possible"],
    ["endless-list", "response_too_large", "none"],
    ["heavy-list", "response_too_large", "none"],
    ["no-list", "output_invalid", "none"],
  ])("that %s ends the call: %s, effect %s", async (mode, code, effect) => {
    const answer = await peer(mode).execute(asking());
    expect(answer).toEqual({ ok: false, code, effect });
  });

  it.each(["silent", "wrong-id"])("that is %s is given up at the deadline", async (mode) => {
    const deadline = new AbortController();
    const journal = (): Promise<boolean> => {
      setImmediate(() => setImmediate(() => deadline.abort()));
      return Promise.resolve(true);
    };
    const answer = await peer(mode).execute(asking({}, { signal: deadline.signal, journal }));
    expect(answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "possible" });
  });

  it("is told that a call is taken back", async () => {
    const told = join(root, "cancelled");
    rmSync(told, { force: true });
    const cut = new AbortController();
    const journal = (): Promise<boolean> => {
      setImmediate(() => setImmediate(() => cut.abort()));
      return Promise.resolve(true);
    };
    await peer("silent").execute(asking({}, { signal: cut.signal, journal }));
    await vi.waitUntil(() => existsSync(told), { timeout: 120_000 });
  });

  it("is asked for no longer than the call has left, also where nobody cuts it", async () => {
    const answer = await peer("silent").execute(asking({}, { remainingMs: () => 20 }));
    expect(answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "possible" });
  });

  it("answers the others while one call hangs", async () => {
    const executor = peer("one-slow");
    const deadline = new AbortController();
    const slow = executor.execute(asking({ slow: true }, { signal: deadline.signal }));
    expect(textOf(await executor.execute(asking({ n: 1 })))).toEqual({ n: 1 });
    deadline.abort();
    expect(await slow).toMatchObject({ code: "deadline_exceeded" });
  });

  it("is refused the model it asks for", async () => {
    expect(textOf(await peer("asks").execute(asking()))).toEqual({ code: -32_601, result: null });
  });

  it("that died is begun anew, and not at once", async () => {
    const executor = peer("dies");
    await executor.execute(asking());
    const answer = await executor.execute(asking());
    expect(answer).toEqual({ ok: false, code: "connection_terminated", effect: "none" });
    time += 60_000;
    expect(await executor.execute(asking())).toMatchObject({ effect: "possible" });
  });

  it("that died is begun anew, also where a helper of it lives on and holds its output", async () => {
    const executor = peer("leaves-helper");
    const terminated = { ok: false, code: "connection_terminated" };
    expect(await executor.execute(asking())).toEqual({ ...terminated, effect: "possible" });
    expect(await executor.execute(asking())).toEqual({ ...terminated, effect: "none" });
    time += 60_000;
    expect(await executor.execute(asking())).toEqual({ ...terminated, effect: "possible" });
  });

  it("that cannot be started is a failure without effect", async () => {
    const executor = started({ command: ["/nonexistent/server"], env: new Map() });
    expect(await executor.execute(asking())).toMatchObject({ ok: false, effect: "none" });
  });

  it("ends with its connector, also when it ignores that its input ended", async () => {
    const executor = peer("stays");
    await executor.execute(asking());
    await executor.close();
    expect(await executor.execute(asking())).toMatchObject({ ok: false, effect: "none" });
  });
});

type Answer = (message: { id?: number; method?: string }, response: ServerResponse) => void;
let called: Answer;
let cancelled = (): void => undefined;
let seen: IncomingMessage["headers"] = {};
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    if (request.method !== "POST") return response.writeHead(405).end();
    const message = JSON.parse(body) as { id?: number; method?: string };
    const result = (value: object): void => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: value }));
    };
    if (message.method === "initialize") {
      return result({
        ...{ protocolVersion: "2025-11-25", capabilities: { tools: {} } },
        serverInfo: { name: "peer", version: "1" },
      });
    }
    if (message.method === "tools/list") return result({ tools: [ECHO] });
    if (message.method === "tools/call") {
      seen = request.headers;
      return called(message, response);
    }
    if (message.method === "notifications/cancelled") cancelled();
    if (message.id === undefined) return response.writeHead(202).end();
    response.setHeader("content-type", "application/json");
    const error = { code: -32_601, message: "no" };
    return response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, error }));
  });
});
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function remote(more: Partial<Extract<McpServer, { url: string }>> = {}): McpExecutor {
  const headers = new Map([["authorization", Secret.fixed("Bearer s3cret")]]);
  return started({ url, headers, reach: new Reach(), tls: publicTls, ...more });
}

describe("a server over HTTP", () => {
  it("gets the connector's secret and no word of who asks", async () => {
    called = ({ id }, response) => {
      response.setHeader("content-type", "application/json");
      const content = [{ type: "text", text: '"done"' }];
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { content } }));
    };
    expect(textOf(await remote().execute(asking()))).toBe("done");
    expect(seen.authorization).toBe("Bearer s3cret");
    expect(Object.keys(seen).filter((name) => /postern|txn/.test(name))).toEqual([]);
  });

  it("is told that a call is taken back", async () => {
    const told = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const cut = new AbortController();
    called = () => cut.abort();
    expect(await remote().execute(asking({}, { signal: cut.signal }))).toEqual({
      ...{ ok: false, code: "deadline_exceeded", effect: "possible" },
    });
    await told;
  });

  it.each<[string, Answer, string, string]>([
    [
      "redirects",
      (_, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
      "connection_terminated",
      "possible",
    ],
    ["refuses", (_, response) => response.writeHead(403).end("no"), "upstream_rejected", "none"],
    ["breaks", (_, response) => response.writeHead(500).end("no"), "upstream_error", "possible"],
    ["hangs up", (_, response) => response.socket?.destroy(), "connection_terminated", "possible"],
    [
      "never stops",
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = (): void => void response.write("x".repeat(1 << 20), (e) => e || more());
        more();
      },
      "response_too_large",
      "possible",
    ],
  ])("that %s ends the call", async (_, answer, code, effect) => {
    called = answer;
    expect(await remote().execute(asking())).toEqual({ ok: false, code, effect });
  });

  it.each(["after their answers", "where nobody waits for an answer any more"])(
    "that leaves its streams open %s keeps none of the sockets to it",
    async (when) => {
      const executor = remote();
      for (let at = 0; at <= limits.concurrency; at++) {
        const deadline = new AbortController();
        called = ({ id }, response) => {
          const result = { content: [{ type: "text", text: '"done"' }] };
          response.writeHead(200, { "content-type": "text/event-stream" });
          if (when.startsWith("where")) return void setImmediate(() => deadline.abort());
          response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
        };
        const answer = await executor.execute(asking({}, { signal: deadline.signal }));
        expect(textOf(answer)).toEqual(
          when.startsWith("where")
            ? { ok: false, code: "deadline_exceeded", effect: "possible" }
            : "done",
        );
      }
    },
  );

  it("whose name leads where nothing was listed is never reached", async () => {
    const executor = remote({ reach: new Reach([]), url: url.replace("127.0.0.1", "localhost") });
    const prohibited = { ok: false, code: "destination_ip_prohibited", effect: "none" };
    expect(await executor.execute(asking())).toEqual(prohibited);
  });

  it("that hangs is given up at the deadline", async () => {
    const deadline = new AbortController();
    called = () => setImmediate(() => deadline.abort());
    const answer = await remote().execute(asking({}, { signal: deadline.signal }));
    expect(answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "possible" });
  });
});
