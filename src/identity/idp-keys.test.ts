import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { testKey } from "../sdk/testing.ts";
import { discoverKeys } from "./idp-keys.ts";

const key = testKey("ES256", "idp-1");

interface Provider {
  issuer: string;
  discovery: (issuer: string) => unknown;
  jwks: unknown;
  asked: string[];
}

async function provider(): Promise<Provider & AsyncDisposable> {
  const server = createServer((request, response) => {
    self.asked.push(request.url ?? "");
    const body = request.url === "/jwks" ? self.jwks : self.discovery(self.issuer);
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const self = {
    issuer: `http://127.0.0.1:${port}`,
    discovery: (issuer: string): unknown => ({ issuer, jwks_uri: `${issuer}/jwks` }),
    jwks: { keys: [key.jwk] } as unknown,
    asked: [] as string[],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}

const config = (issuer: string) =>
  ({ issuer, audience: "postern", algorithms: ["ES256"] }) as const;

describe("a provider's keys", () => {
  it("are discovered once and found by kid", async () => {
    await using idp = await provider();
    const keys = discoverKeys(config(idp.issuer));
    expect((await keys.ringFor("idp-1", 0))?.byKid.has("idp-1")).toBe(true);
    await keys.ringFor("idp-1", 60_000);
    expect(idp.asked).toEqual(["/.well-known/openid-configuration", "/jwks"]);
  });

  it("are taken from where the configuration says, without discovery", async () => {
    await using idp = await provider();
    const source = { ...config("https://unreachable.example"), jwksUri: `${idp.issuer}/jwks` };
    expect((await discoverKeys(source).ringFor("idp-1", 0))?.byKid.has("idp-1")).toBe(true);
    expect(idp.asked).toEqual(["/jwks"]);
  });

  it("are asked for again when a key is rotated in", async () => {
    await using idp = await provider();
    const keys = discoverKeys(config(idp.issuer));
    await keys.ringFor("idp-1", 0);
    idp.jwks = { keys: [key.jwk, testKey("ES256", "idp-2").jwk] };
    expect((await keys.ringFor("idp-2", 31_000))?.byKid.has("idp-2")).toBe(true);
  });

  it("are not taken from a document of another issuer", async () => {
    await using idp = await provider();
    idp.discovery = (issuer) => ({ issuer: "https://evil.example", jwks_uri: `${issuer}/jwks` });
    expect(await discoverKeys(config(idp.issuer)).ringFor("idp-1", 0)).toBeNull();
    expect(idp.asked).not.toContain("/jwks");
  });

  it("are not fetched over plain http from elsewhere", async () => {
    await using idp = await provider();
    idp.discovery = (issuer) => ({ issuer, jwks_uri: "http://192.0.2.1/jwks" });
    expect(await discoverKeys(config(idp.issuer)).ringFor("idp-1", 0)).toBeNull();
    expect(await discoverKeys(config("http://192.0.2.1")).ringFor("idp-1", 0)).toBeNull();
  });

  it.each([
    ["no keys", {}],
    ["a private key", { keys: [key.privateJwk] }],
    ["only algorithms that are not accepted", { keys: [testKey("EdDSA").jwk] }],
    ["one kid twice", { keys: [key.jwk, testKey("ES256", "idp-1").jwk] }],
  ])("are none when the set holds %s", async (_name, jwks) => {
    await using idp = await provider();
    idp.jwks = jwks;
    expect(await discoverKeys(config(idp.issuer)).ringFor("idp-1", 0)).toBeNull();
  });
});
