import { describe, expect, it } from "vitest";
import { readJwks, readPublicJwk, thumbprintInput } from "./jwk.ts";
import { testKey } from "./testing.ts";

const ed = testKey("EdDSA", "ed").jwk;
const ec = testKey("ES256", "ec").jwk;
const rsa = testKey("RS256", "rsa").jwk;

function faultOf(jwk: unknown): string {
  const read = readPublicJwk(jwk);
  return read.ok ? "none" : read.fault;
}

describe("reading a public key", () => {
  it("pins the algorithm to the key, whether or not the document names it", () => {
    for (const [jwk, alg] of [
      [ed, "EdDSA"],
      [ec, "ES256"],
      [rsa, "RS256"],
    ] as const) {
      const { alg: _alg, ...nameless } = jwk;
      expect(readPublicJwk(jwk)).toMatchObject({ ok: true, jwk: { alg } });
      expect(readPublicJwk(nameless)).toMatchObject({ ok: true, jwk: { alg } });
    }
  });

  it("keeps only the members a key needs", () => {
    const read = readPublicJwk({ ...ed, x5u: "https://evil.example", note: 1, use: "sig" });
    expect(read.ok && Object.keys(read.jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "x"]);
  });

  it.each(["d", "p", "q", "dp", "dq", "qi", "oth", "k"])("refuses a document with %s", (member) => {
    expect(faultOf({ ...ed, [member]: "AA" })).toBe("secret");
  });

  it.each([
    ["another algorithm", { ...ed, alg: "ES256" }],
    ["HMAC under the same key", { ...ec, alg: "HS256" }],
    ["use for encryption", { ...ed, use: "enc" }],
    ["operations without verify", { ...ed, key_ops: ["encrypt"] }],
    ["another curve", { ...ec, crv: "P-384" }],
    ["X25519", { ...ed, crv: "X25519" }],
    ["an elliptic key that calls itself RSA", { ...ec, kty: "RSA" }],
  ])("does not use a key with %s", (_name, jwk) => {
    expect(faultOf(jwk)).toBe("other");
  });

  it.each([
    ["nothing", null],
    ["a list", [ed]],
    ["a short x", { ...ed, x: "AAAA" }],
    ["an x with padding", { ...ed, x: `${ed["x"]}=` }],
    ["no y", { ...ec, y: undefined }],
    ["an empty kid", { ...ed, kid: "" }],
    ["a kid that is a number", { ...ed, kid: 7 }],
    ["a kid of 257 characters", { ...ed, kid: "k".repeat(257) }],
    ["a 1024 bit modulus", { ...rsa, n: Buffer.alloc(128, 0xc5).toString("base64url") }],
    ["a 16 kbit modulus", { ...rsa, n: Buffer.alloc(2_048, 0xc5).toString("base64url") }],
    ["exponent one", { ...rsa, e: "AQ" }],
  ])("refuses %s", (_name, jwk) => {
    expect(faultOf(jwk)).toBe("malformed");
  });

  it("refuses a modulus with the fingerprint of weak smart cards", () => {
    // 65537^7 is a power of 65537 modulo every prime; padded to 2048 bits by the product of them.
    const primes = Array.from({ length: 166 }, (_, at) => at + 2).filter((n) =>
      Array.from({ length: n - 2 }, (_, at) => at + 2).every((d) => n % d !== 0),
    );
    const product = primes.reduce((all, prime) => all * BigInt(prime), 1n);
    const modulus = 65_537n ** 7n + product * (1n << 1_832n);
    const hex = modulus.toString(16);
    const n = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
    expect(n.length).toBeGreaterThanOrEqual(256);
    expect(faultOf({ ...rsa, n: n.toString("base64url") })).toBe("malformed");
    expect(
      faultOf({
        ...rsa,
        n: Buffer.concat([n.subarray(0, -1), Buffer.of(0xa7)]).toString("base64url"),
      }),
    ).toBe("none");
  });
});

describe("reading a key set", () => {
  const all = ["EdDSA", "ES256", "RS256"] as const;

  it("skips keys for other purposes and algorithms that are not accepted", () => {
    const read = readJwks({ keys: [ed, ec, rsa, { kty: "EC", crv: "P-384", kid: "x" }] }, [
      "ES256",
    ]);
    expect(read).toMatchObject({ ok: true, keys: [{ kid: "ec" }] });
  });

  it.each([
    ["no set", 7, "malformed"],
    ["no list", { keys: {} }, "malformed"],
    ["nothing in it", { keys: [] }, "empty"],
    ["a secret beside a public key", { keys: [ec, { kty: "oct", k: "AA", kid: "s" }] }, "secret"],
    ["a private key", { keys: [{ ...ec, d: "AA" }] }, "secret"],
    ["one kid twice", { keys: [ec, { ...ed, kid: "ec" }] }, "duplicate_kid"],
    [
      "one kid twice, once unusable",
      { keys: [ec, { ...ed, kid: "ec", use: "enc" }] },
      "duplicate_kid",
    ],
    [
      "65 keys",
      { keys: Array.from({ length: 65 }, (_, at) => ({ ...ed, kid: `${at}` })) },
      "too_many",
    ],
  ])("refuses %s", (_name, jwks, fault) => {
    expect(readJwks(jwks, all)).toEqual({ ok: false, fault });
  });

  it("takes 64 keys", () => {
    const keys = Array.from({ length: 64 }, (_, at) => ({ ...ed, kid: `${at}` }));
    expect(readJwks({ keys }, all)).toMatchObject({ ok: true });
  });
});

describe("what a thumbprint hashes", () => {
  it("is the required members in order (RFC 7638 §3.2, RFC 8037 appendix A.3)", () => {
    expect(
      thumbprintInput({
        kty: "OKP",
        crv: "Ed25519",
        x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        alg: "EdDSA",
        kid: "ignored",
      }),
    ).toBe('{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}');
  });
});
