import { createServer } from "node:http";
import type { Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { embedderOf } from "./embedder.ts";
import { type Execution, HeldBytes } from "./executor.ts";
import { MAX_FRAMING_BYTES } from "./framing.ts";
import { Reach } from "./lookup.ts";
import { McpExecutor } from "./mcp.ts";
import { Authority } from "./testing-certificates.ts";
import { publicTls } from "./tls.ts";
import { closing, execution, executorFor, listening, raw, rawOrigin } from "./testing-http.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const BLOCK = "x".repeat(16_384);

/** As fast as it is read, until the connection is cut. */
function flood(socket: Socket, head: string, block: string): void {
  socket.write(head);
  const more = (): void => {
    while (!socket.destroyed) if (!socket.write(block)) return void socket.once("drain", more);
  };
  more();
}

/** No deadline: what is not cut would never end. */
const patient = (change: Partial<Execution> = {}): Execution =>
  execution("GET", { cap: 1_000_000, ...change });
const TOO_LARGE = { ok: false, code: "response_too_large" };

describe("the frame of an answer", () => {
  it.each<[string, string, string]>([
    ["an extension of a chunk", `${CHUNKED}1;`, BLOCK],
    ["an extension of the last chunk", `${CHUNKED}1\r\na\r\n0;a="`, BLOCK],
    [
      "chunks of one byte with an extension each",
      CHUNKED,
      `1;${"x".repeat(60)}\r\na\r\n`.repeat(200),
    ],
    ["a size of a chunk in zeros", CHUNKED, "0".repeat(16_384)],
    ["blanks before a header's value", `${OK}x:`, " ".repeat(16_384)],
    ["blanks before a trailer's value", `${CHUNKED}1\r\na\r\n0\r\nx:`, " ".repeat(16_384)],
    ["a header block", OK, "a: b\r\n".repeat(2_000)],
    ["a trailer block", `${CHUNKED}1\r\na\r\n0\r\n`, "a: b\r\n".repeat(2_000)],
    ["empty lines before the answer", "", "\r\n".repeat(8_192)],
  ])("does not go on for ever: %s", async (_, head, block) => {
    const cut = Promise.withResolvers<void>();
    const executor = await raw((socket) => {
      socket.once("close", () => cut.resolve());
      flood(socket, head, block);
    });
    expect(await executor.execute(patient())).toMatchObject(TOO_LARGE);
    await cut.promise;
  });

  it("does not go on for ever in answers before the answer", async () => {
    const header = `a: ${"b".repeat(8_000)}\r\n`;
    const executor = await raw((socket) =>
      flood(socket, "", `HTTP/1.1 103 Early Hints\r\n${header}\r\n`),
    );
    const answer = await executor.execute(patient());
    expect(answer.ok ? "" : answer.code).toMatch(/^(?:response_too_large|upstream_error)$/);
  });

  it("does not go on for ever after the answer, when nobody waits for anything", async () => {
    const cut = Promise.withResolvers<void>();
    const executor = await raw((socket) => {
      socket.once("close", () => cut.resolve());
      flood(socket, `${OK}content-length: 1\r\n\r\na`, "\r\n".repeat(8_192));
    });
    expect(await executor.execute(patient())).toMatchObject({ ok: true, body: "a" });
    await cut.promise;
  });

  it("is counted over TLS, too", async () => {
    const authority = new Authority("an authority");
    const issued = authority.issue("service", { names: ["127.0.0.1"] });
    const server = createTls(issued, (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => flood(socket, `${CHUNKED}1;`, BLOCK));
    });
    const origin = (await listening(server)).replace("http:", "https:");
    const executor = executorFor(origin, { tls: () => ({ ca: authority.cert }) });
    expect(await executor.execute(patient())).toMatchObject(TOO_LARGE);
  });

  it("may weigh as much as the body, and 64 KiB", async () => {
    const answers: { readonly [name: string]: string } = {
      "small chunks": "1\r\na\r\n".repeat(10_000),
      "more frame than that, less than body": "20\r\nabcdefghabcdefghabcdefghabcdefgh\r\n".repeat(
        20_000,
      ),
    };
    for (const [name, chunks] of Object.entries(answers)) {
      const executor = await raw((socket) => socket.end(`${CHUNKED}${chunks}0\r\n\r\n`));
      expect(await executor.execute(patient()), name).toMatchObject({ ok: true });
    }
  });

  it("is counted for each exchange anew", async () => {
    const server = createServer((_request, response) => {
      response.setHeader("x", "a".repeat(12_000));
      response.end();
    });
    const limits = { concurrency: 1, queue: 1 };
    const executor = executorFor(await listening(server), { limits });
    closing.push(() => server.closeAllConnections());
    const enough = Math.ceil(MAX_FRAMING_BYTES / 12_000) + 1;
    for (let n = 0; n < enough; n++) {
      expect(await executor.execute(patient())).toMatchObject({ ok: true });
    }
  });
});

describe("others who are asked over HTTP end a frame that goes on for ever:", () => {
  const endless = (): Promise<string> =>
    rawOrigin((socket) => flood(socket, `${CHUNKED}1;`, BLOCK));
  const plain = { reach: new Reach(), tls: publicTls };

  it("an embedding endpoint", async () => {
    const url = `${await endless()}/v1`;
    const model = { model: "m", dimensions: 2, token: null };
    const embedder = embedderOf({ kind: "endpoint", url, ...model, ...plain });
    closing.push(() => embedder.close());
    expect(await embedder.embed(["a"], patient())).toMatchObject(TOO_LARGE);
  });

  it("an MCP server", async () => {
    const server = { url: `${await endless()}/mcp`, headers: new Map(), ...plain };
    const folder = mkdtempSync(join(tmpdir(), "framing-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const limits = { concurrency: 1, queue: 1 };
    const executor = new McpExecutor(
      { kind: "mcp", server, tools: new Set(["echo"]), limits },
      folder,
      new HeldBytes(),
    );
    closing.push(() => executor.close());
    const mcp = { destination: "it", tool: "echo", args: {}, pin: "0".repeat(64) };
    expect(await executor.execute(patient({ operation: { mcp } }))).toMatchObject(TOO_LARGE);
  });
});
