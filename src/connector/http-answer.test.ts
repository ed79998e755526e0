import { createServer } from "node:http";
import { createServer as createTcp, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Secret } from "./secret.ts";

import {
  CAP,
  closing,
  execution,
  executorFor,
  listening,
  raw,
  rawOrigin,
  service,
} from "./testing-http.ts";

describe("an answer over HTTP", () => {
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
