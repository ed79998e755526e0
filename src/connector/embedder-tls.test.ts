import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { embedderOf } from "./embedder.ts";
import { Authority } from "./testing-certificates.ts";

const ours = new Authority("our authority");
const { cert, key } = ours.issue("models", { names: ["localhost"] });
const server = createServer(
  { cert, key, ca: ours.cert, requestCert: true, rejectUnauthorized: true },
  (_request, response) => response.end('{"data":[{"embedding":[1,2]}]}'),
);
const folder = mkdtempSync(join(tmpdir(), "postern-embedder-"));

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = ours.issue("connector");
  for (const [name, pem] of Object.entries({ ca: ours.cert, ...client })) {
    writeFileSync(join(folder, `${name}.pem`), pem);
  }
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

async function asked(tls: object, scheme = "https"): Promise<unknown> {
  const { port } = server.address() as AddressInfo;
  const url = `${scheme}://localhost:${port}/v1/embeddings`;
  const embedding = { kind: "endpoint", dimensions: 2, model: "small-1", url, tls };
  const database = { kind: "postgres", host: "127.0.0.1", database: "d", user: "u" };
  const it = { ...database, password: { env: "DB" }, statements: "any", embedding };
  const file = { network: "acme", tier: "internal", stateDir: "state", destinations: { it } };
  const read = readConfig(JSON.stringify(file), join(folder, "connector.jsonc"), { DB: "x" });
  if (!read.ok) return read.mistakes.map(({ at, code }) => `${at} ${code}`);
  const destination = read.config.destinations.get("it");
  if (destination?.kind !== "postgres" || destination.embedding === null) return null;
  const embedder = embedderOf(destination.embedding);
  try {
    const { signal } = new AbortController();
    const embedded = await embedder.embed(["a"], { signal, remainingMs: () => 60_000 });
    return embedded.ok ? embedded.vectors : embedded.code;
  } finally {
    await embedder.close();
  }
}

const whole = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" };

it("an embedding endpoint is held against the authority that its file names, and is shown ours", async () => {
  expect(await asked(whole)).toEqual([[1, 2]]);
});

it("an embedding endpoint of another authority is asked nothing, and answers nobody it does not know", async () => {
  expect(await asked({})).toBe("tls_certificate_error");
  expect(await asked({ ca: "cert.pem" })).toBe("tls_certificate_error");
  expect(await asked({ ca: "ca.pem" })).toMatch(
    /^(?:tls_certificate_error|connection_terminated)$/,
  );
});

it("an embedding endpoint in clear has no certificates", async () => {
  expect(await asked(whole, "http")).toEqual(["destinations.it.embedding.tls invalid_value"]);
});
