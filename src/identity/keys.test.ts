import { describe, expect, it } from "vitest";
import { calculateJwkThumbprint } from "jose";
import { testKey } from "../sdk/testing.ts";
import {
  generatePrivateJwk,
  importKeys,
  importPublicKey,
  importSigningKey,
  publicJwks,
  thumbprint,
} from "./keys.ts";

describe("our signing keys", () => {
  it("are named by their RFC 7638 thumbprint", async () => {
    const key = importSigningKey({ ...generatePrivateJwk() });
    expect(key.kid).toBe(await calculateJwkThumbprint({ ...key.publicJwk }));
    expect(key.publicJwk.kid).toBe(key.kid);
  });

  it("agree with the thumbprint of RFC 8037 appendix A.3", () => {
    const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    expect(thumbprint({ kty: "OKP", crv: "Ed25519", x, alg: "EdDSA" })).toBe(
      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    );
  });

  it("are published without their private half", () => {
    const keys = [generatePrivateJwk(), generatePrivateJwk()];
    const published = JSON.stringify(publicJwks(keys.map((jwk) => importSigningKey({ ...jwk }))));
    for (const { d, x } of keys) {
      expect(published).not.toContain(d);
      expect(published).toContain(x);
    }
    expect(JSON.parse(published)).toMatchObject({
      keys: [
        { kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" },
        { kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" },
      ],
    });
  });

  it("do not load from another kind of key, or with a public half that is not theirs", () => {
    const [one, two] = [generatePrivateJwk(), generatePrivateJwk()];
    expect(() => importSigningKey({ ...one, x: two.x })).toThrow();
    expect(() => importSigningKey({ ...testKey("ES256").privateJwk })).toThrow();
  });
});

describe("keys of others", () => {
  it("do not load when the point is not on the curve", () => {
    const { jwk } = testKey("ES256");
    const off = { ...jwk, y: Buffer.alloc(32, 1).toString("base64url") };
    expect(importPublicKey(off)).toEqual({ ok: false, fault: "malformed" });
    expect(importKeys({ keys: [off] }, ["ES256"])).toEqual({ ok: false, fault: "malformed" });
  });

  it("are there only for the accepted algorithms", () => {
    const keys = [testKey("ES256", "a").jwk, testKey("RS256", "b").jwk];
    const read = importKeys({ keys }, ["ES256"]);
    expect(read.ok && [...read.ring.byKid.keys()]).toEqual(["a"]);
    expect(importKeys({ keys }, ["EdDSA"])).toEqual({ ok: false, fault: "empty" });
  });
});
