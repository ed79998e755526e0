import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import {
  createServer as createTcp,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from "node:net";
import { gzipSync } from "node:zlib";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { HttpDestination } from "./config.ts";
import { type Execution, HeldBytes } from "./executor.ts";
import { HttpExecutor } from "./http.ts";
import { Secret } from "./secret.ts";
import { httpDestination, httpExecution } from "./testing.ts";

const CAP = 1_000;
const execution = (method = "GET", change: Partial<Execution> = {}): Execution =>
  httpExecution(method, { cap: CAP, ...change });
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function listening(server: Server | TcpServer): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function service(
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
async function raw(answer: (socket: Socket) => void): Promise<HttpExecutor> {
  return executorFor(await rawOrigin(answer));
}

async function rawOrigin(answer: (socket: Socket) => void): Promise<string> {
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

function executorFor(origin: string, change: Partial<HttpDestination> = {}): HttpExecutor {
  const executor = new HttpExecutor(httpDestination({ origin, ...change }), new HeldBytes());
  closing.push(() => executor.close());
  return executor;
}

describe("the HTTP executor", () => {
  it("sends path and query as they are, the token, the configured secret, and nothing else", async () => {
    let seen: { url: string | undefined; headers: object; body: string } | null = null;
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      seen = { url: request.url, headers: request.headers, body };
      response.setHeader("content-type", "application/json; charset=utf-8");
      for (const name of ["txn-token", "postern-x", "set-cookie", "x-internal", "location"]) {
        response.setHeader(name, "leak");
      }
      response.end('{"ok":"é"}');
    });
    const origin = await listening(server);
    closing.push(() => server.closeAllConnections());
    const executor = executorFor(origin, {
      headers: new Map([["authorization", Secret.fixed("Bearer s")]]),
    });
    const answer = await executor.execute(
      execution("POST", { body: '{"a":1}', contentType: "application/json" }),
    );
    expect(answer).toEqual({
      ok: true,
      status: 200,
      contentType: "application/json; charset=utf-8",
      encoding: "utf8",
      body: '{"ok":"é"}',
      truncated: false,
    });
    expect(seen).toEqual({
      url: "/tickets/1?a=%20b",
      headers: {
        host: origin.slice("http://".length),
        connection: "keep-alive",
        authorization: "Bearer s",
        accept: "*/*",
        "accept-encoding": "identity",
        "txn-token": "the-token",
        "x-envoy-expected-rq-timeout-ms": "10000",
        "content-type": "application/json",
        "content-length": "7",
      },
      body: '{"a":1}',
    });
  });

  it.each([
    [1_234.9, "1234"],
    [0.4, "1"],
    [0, "1"],
  ])("tells the service how long it is waited for: %f ms", async (left, told) => {
    let seen: unknown;
    const { executor } = await service((request, response) => {
      seen = request.headers["x-envoy-expected-rq-timeout-ms"];
      response.end();
    });
    await executor.execute(execution("GET", { remainingMs: () => left }));
    expect(seen).toBe(told);
  });

  it("sends the key and the condition of one call, over whatever the configuration says", async () => {
    const seen: object[] = [];
    const server = createServer((request, response) => {
      const { "idempotency-key": key, "if-match": condition } = request.headers;
      seen.push({ key, condition });
      response.end();
    });
    const origin = await listening(server);
    closing.push(() => server.closeAllConnections());
    const headers = new Map([
      ["idempotency-key", Secret.fixed("configured")],
      ["if-match", Secret.fixed("*")],
    ]);
    const executor = executorFor(origin, { headers });
    const preview = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
    await executor.execute(execution("PATCH", { idempotencyKey: "call_1", preview }));
    const plain = executorFor(origin);
    await plain.execute(execution("PATCH", { preview: { ...preview, etag: null } }));
    expect(seen).toEqual([
      { key: "call_1", condition: '"v1"' },
      { key: undefined, condition: undefined },
    ]);
  });

  it("calls an approved change stale where its version is gone, and only then", async () => {
    const { executor } = await service((_request, response) => {
      response.statusCode = 412;
      response.end();
    });
    const preview = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
    const stale = { ok: false, code: "preview_stale", effect: "none", status: 412 };
    expect(await executor.execute(execution("PATCH", { preview }))).toEqual(stale);
    const rejected = { ...stale, code: "upstream_rejected" };
    expect(await executor.execute(execution("PATCH"))).toEqual(rejected);
    const versionless = { ...preview, etag: null };
    expect(await executor.execute(execution("PATCH", { preview: versionless }))).toEqual(rejected);
  });

  it.each([
    ["a strong tag", '"v1"', "GET", '"v1"'],
    ["an empty tag", '""', "HEAD", '""'],
    // `If-Match` compares strongly: a weak tag matches nothing.
    ["a weak tag", 'W/"v1"', "GET", undefined],
    ["a bare word", "v1", "GET", undefined],
    ["everything", "*", "GET", undefined],
    ["two tags", '"a", "b"', "GET", undefined],
    ["a tag past all reason", `"${"a".repeat(255)}"`, "GET", undefined],
    ["bytes that are no ASCII", '"\xff"', "GET", undefined],
    // RFC 9110 §8.8.3: of the state that it left behind.
    ["the tag of what a write made", '"v2"', "POST", '"v2"'],
  ])("hands on %s: %#", async (_name, etag, method, expected) => {
    const { executor } = await service((_request, response) => {
      response.setHeader("etag", etag);
      response.end();
    });
    const answer = await executor.execute(execution(method));
    expect(answer).toMatchObject({ ok: true });
    expect(answer.ok && answer.etag).toBe(expected);
  });

  it("hands on no tag where there are two", async () => {
    const { executor } = await service((_request, response) => {
      response.setHeader("etag", ['"a"', '"b"']);
      response.end();
    });
    expect(await executor.execute(execution())).not.toHaveProperty("etag");
  });

  it("keeps bytes that are no text as base64", async () => {
    const { executor } = await service((request, response) => {
      response.setHeader(
        "content-type",
        request.url?.startsWith("/tickets") ? "text/plain" : "image/png",
      );
      response.end(Buffer.from([0xff, 0x00]));
    });
    expect(await executor.execute(execution())).toMatchObject({ encoding: "base64", body: "/wA=" });
  });

  it("does nothing before the journal is on disk, and nothing at all if it is not", async () => {
    const { executor, requests } = await service((_request, response) => response.end());
    let written: (durable: boolean) => void = () => undefined;
    const journaled = new Promise<boolean>((resolve) => (written = resolve));
    const answer = executor.execute(execution("POST", { journal: () => journaled }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests()).toBe(0);
    written(false);
    expect(await answer).toEqual({ ok: false, code: "audit_unavailable", effect: "none" });
    expect(requests()).toBe(0);
  });

  it.each([
    [500, "GET", "upstream_error", "none"],
    [500, "POST", "upstream_error", "possible"],
    [503, "DELETE", "upstream_error", "possible"],
    [404, "GET", "upstream_rejected", "none"],
    [422, "POST", "upstream_rejected", "none"],
    [302, "GET", "upstream_rejected", "none"],
    [303, "POST", "upstream_rejected", "possible"],
  ])("maps status %i after %s to %s, effect %s", async (status, method, code, effect) => {
    const { executor } = await service((_request, response) => {
      response.statusCode = status;
      response.end("a stack trace with secrets");
    });
    expect(await executor.execute(execution(method))).toEqual({ ok: false, code, effect, status });
  });

  it("follows no redirect, least of all to a metadata service", async () => {
    const { executor, requests } = await service((_request, response) => {
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" });
      response.end();
    });
    expect(await executor.execute(execution())).toMatchObject({
      code: "upstream_rejected",
      status: 302,
    });
    expect(requests()).toBe(1);
  });

  it("takes a body of exactly the cap, and cuts one byte more", async () => {
    let size = CAP;
    const { executor } = await service((_request, response) => {
      response.setHeader("content-type", "text/plain");
      response.write("a".repeat(size - 1));
      response.end("a");
    });
    expect(await executor.execute(execution())).toMatchObject({ ok: true, body: "a".repeat(CAP) });
    size++;
    expect(await executor.execute(execution())).toEqual({
      ok: false,
      code: "response_too_large",
      effect: "none",
      status: 200,
    });
    expect(await executor.execute(execution("POST"))).toMatchObject({ effect: "possible" });
  });

  it("stops reading a gigabyte after the cap", async () => {
    let written = 0;
    const { executor } = await service((_request, response) => {
      const block = Buffer.alloc(64 * 1_024);
      const more = (): void => {
        while (!response.destroyed && written < 1_024 ** 3) {
          written += block.length;
          if (!response.write(block)) return void response.once("drain", more);
        }
      };
      response.on("error", () => undefined);
      more();
    });
    expect(await executor.execute(execution())).toMatchObject({ code: "response_too_large" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(32 * 1_024 * 1_024);
  });

  it("refuses an announced length past the cap before a byte of it", async () => {
    const executor = await raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n");
    });
    expect(await executor.execute(execution())).toMatchObject({ code: "response_too_large" });
  });

  it("refuses a compressed answer it did not ask for", async () => {
    const { executor } = await service((_request, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(Buffer.alloc(100_000)));
    });
    expect(await executor.execute(execution())).toEqual({
      ok: false,
      code: "output_invalid",
      effect: "none",
      status: 200,
    });
  });

  it("ends at once when it is aborted, whatever the service is doing", async () => {
    for (const behaviour of ["hang", "drip"] as const) {
      const arrived = Promise.withResolvers<void>();
      const { executor } = await service((_request, response) => {
        if (behaviour === "drip") response.write("a");
        arrived.resolve();
      });
      const abort = new AbortController();
      const answer = executor.execute(execution("POST", { signal: abort.signal }));
      await arrived.promise;
      abort.abort();
      expect(await answer).toMatchObject({
        ok: false,
        code: "deadline_exceeded",
        effect: "possible",
      });
    }
  });

  it("knows that nothing happened where nothing left", async () => {
    const server = createTcp();
    const origin = await listening(server);
    await closing.pop()?.();
    expect(await executorFor(origin).execute(execution("POST"))).toEqual({
      ok: false,
      code: "connection_refused",
      effect: "none",
    });
    const aborted = AbortSignal.abort();
    expect(await executorFor(origin).execute(execution("POST", { signal: aborted }))).toEqual({
      ok: false,
      code: "deadline_exceeded",
      effect: "none",
    });
    const nowhere = executorFor("http://does-not-exist.invalid");
    expect(await nowhere.execute(execution("POST"))).toMatchObject({
      code: "dns_error",
      effect: "none",
    });
  });

  it.each([
    ["closes without an answer", (socket: Socket) => socket.end()],
    ["resets", (socket: Socket) => socket.resetAndDestroy()],
    [
      "closes in the middle of the body",
      (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
    ],
    ["speaks something else", (socket: Socket) => socket.end("220 smtp ready\r\n")],
    [
      "frames its answer twice",
      (socket: Socket) =>
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc"),
    ],
  ])("calls it terminated when the service %s", async (_name, behave) => {
    const executor = await raw(behave);
    expect(await executor.execute(execution("POST"))).toEqual({
      ok: false,
      code: "connection_terminated",
      effect: "possible",
    });
    const again = await raw(behave);
    expect(await again.execute(execution("GET"))).toMatchObject({ effect: "none" });
  });

  it.each<[string, string, (socket: Socket) => void]>([
    [
      "interim answers that do not end",
      "upstream_error",
      (socket) => socket.write("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(17)),
    ],
    [
      "a trailer that does not end",
      "response_too_large",
      (socket) =>
        socket.write(
          `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: ${"a".repeat(20_000)}`,
        ),
    ],
    [
      "many small headers",
      "response_too_large",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}`),
    ],
  ])("gives up on %s", async (_, code, answer) => {
    const executor = await raw(answer);
    expect(await executor.execute(execution())).toMatchObject({ ok: false, code });
  });

  it("takes an answer after a few interim ones, and nothing of its trailer", async () => {
    const executor = await raw((socket) =>
      socket.end(
        `${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(16)}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: etag\r\n\r\n1\r\na\r\n0\r\netag: "late"\r\n\r\n`,
      ),
    );
    const answer = await executor.execute(execution());
    expect(answer).toMatchObject({ ok: true, status: 200 });
    expect(answer).not.toHaveProperty("etag");
  });

  it("waits through chunk extensions no longer than its time, and keeps none of them", async () => {
    const executor = await raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;");
      const more = (): void => {
        if (!socket.destroyed) socket.write("x".repeat(16_384), () => setImmediate(more));
      };
      more();
    });
    const abort = new AbortController();
    const answer = executor.execute(execution("GET", { signal: abort.signal }));
    setImmediate(() => setImmediate(() => abort.abort()));
    expect(await answer).toMatchObject({ ok: false });
  });

  it("asks for a newer secret when it is refused, and does not ask the service again", async () => {
    const { executor, requests } = await service((_request, response) => {
      response.statusCode = 401;
      response.end();
    });
    expect(await executor.execute(execution())).toMatchObject({ code: "upstream_rejected" });
    expect(requests()).toBe(1);
  });

  it("shows the newer secret to the service when the old one was refused", async () => {
    let now = 0;
    const folder = mkdtempSync(join(tmpdir(), "rotated-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "secret");
    writeFileSync(file, "Bearer old");
    const secret = Secret.read(
      { file },
      () => true,
      () => now,
    )!;
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.statusCode = request.headers.authorization === "Bearer new" ? 200 : 401;
      response.end();
    });
    const origin = await listening(server);
    closing.push(() => server.closeAllConnections());
    const executor = executorFor(origin, { headers: new Map([["authorization", secret]]) });
    writeFileSync(file, "Bearer new");
    now = 10_000;
    expect(await executor.execute(execution())).toMatchObject({ ok: false, status: 401 });
    await secret.renew();
    expect(await executor.execute(execution())).toMatchObject({ ok: true });
    expect(seen).toEqual(["Bearer old", "Bearer new"]);
  });

  it("gives up on headers that do not end", async () => {
    const executor = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}\r\n`);
    });
    expect(await executor.execute(execution())).toMatchObject({
      ok: false,
      code: "response_too_large",
    });
  });

  it("does not speak TLS with a service that does not", async () => {
    const origin = await rawOrigin((socket) => socket.end("plain"));
    const answer = await executorFor(origin.replace("http:", "https:")).execute(execution("POST"));
    expect(answer).toEqual({ ok: false, code: "tls_certificate_error", effect: "none" });
  });

  it("hands a content type on only as plain text", async () => {
    const executor = await raw((socket) =>
      socket.end("HTTP/1.1 200 OK\r\ncontent-type: text/\x80\r\ncontent-length: 1\r\n\r\na"),
    );
    expect(await executor.execute(execution())).toMatchObject({
      contentType: "application/octet-stream",
    });
  });
});
