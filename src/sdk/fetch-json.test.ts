import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { fetchJson, isSecureUrl } from "./fetch-json.ts";

async function serve(listener: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("fetching a public document", () => {
  it("gives its JSON", async () => {
    await using server = await serve((_request, response) => response.end('{"keys":[]}'));
    expect(await fetchJson(server.url)).toEqual({ ok: true, value: { keys: [] } });
  });

  it.each([
    ["an error status", 500, "{}", "not_ok"],
    ["what is no JSON", 200, "<html>", "not_json"],
    ["a key twice", 200, '{"keys":[],"keys":[]}', "not_json"],
    ["a megabyte and one byte", 200, `"${"a".repeat(1_024 * 1_024 - 1)}"`, "not_json"],
  ])("refuses %s", async (_name, status, body, fault) => {
    await using server = await serve((_request, response) => response.writeHead(status).end(body));
    expect(await fetchJson(server.url)).toEqual({ ok: false, fault });
  });

  it("takes a megabyte", async () => {
    const body = `"${"a".repeat(1_024 * 1_024 - 2)}"`;
    await using server = await serve((_request, response) => response.end(body));
    expect(await fetchJson(server.url)).toMatchObject({ ok: true });
  });

  it("stops reading an endless body", async () => {
    await using server = await serve((_request, response) => {
      const timer = setInterval(() => response.write("a".repeat(65_536)), 0);
      response.on("close", () => clearInterval(timer));
    });
    expect(await fetchJson(server.url)).toEqual({ ok: false, fault: "not_json" });
  });

  it("follows no redirect, not even home", async () => {
    await using server = await serve((request, response) =>
      request.url === "/to"
        ? response.end("{}")
        : response.writeHead(302, { location: "/to" }).end(),
    );
    expect(await fetchJson(server.url)).toEqual({ ok: false, fault: "not_ok" });
  });

  it("says unreachable when nobody listens", async () => {
    const server = await serve(() => undefined);
    await server[Symbol.asyncDispose]();
    expect(await fetchJson(server.url)).toEqual({ ok: false, fault: "unreachable" });
  });

  it("wants https, except from this machine, and no password in a URL", () => {
    const good = [
      "https://idp.example/x",
      "http://127.0.0.1:1/x",
      "http://[::1]/",
      "http://localhost/",
    ];
    const bad = [
      "http://idp.example/",
      "http://127.0.0.1.evil.example/",
      "http://localhost.evil.example/",
      "https://user:pass@idp.example/",
      "file:///etc/passwd",
      "ftp://idp.example/",
      "not a url",
    ];
    expect(good.map(isSecureUrl)).toEqual(good.map(() => true));
    expect(bad.map(isSecureUrl)).toEqual(bad.map(() => false));
  });
});
