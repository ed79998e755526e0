import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { Secret } from "./secret.ts";

import { closing, execution, executorFor, listening, service } from "./testing-http.ts";

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
});
