import { describe, expect, it } from "vitest";
import { forge, mutations, testKey, type TestKey } from "../sdk/testing.ts";
import { accessTokenHash, createProofMemory, verifyProof, type ExpectedProof } from "./dpop.ts";
import { SpentProofs } from "./spent.ts";
import { importPublicKey, thumbprint } from "./keys.ts";

const NOW_S = 1_800_000_000;
const URL = "https://postern.example/acme/v1/workflows/wf_1/calls";
const key = testKey("EdDSA");
const { kid: _kid, alg: _alg, ...bare } = key.jwk;
const HEADER = { typ: "dpop+jwt", alg: "EdDSA", jwk: bare };
const EXPECTED: ExpectedProof = {
  method: "POST",
  url: URL,
  accessToken: "cred",
  now: NOW_S * 1_000,
};

function memory(startedAt = NOW_S * 1_000 - 3_600_000, capacity = 1_000) {
  return createProofMemory(startedAt, "nonce-of-this-process", new SpentProofs(capacity));
}

function claims(over: object = {}): object {
  return { jti: "j-1", htm: "POST", htu: URL, iat: NOW_S, ath: accessTokenHash("cred"), ...over };
}

function proof(over: object = {}, header: object = {}, by: TestKey = key): string {
  return forge({ ...HEADER, ...header }, claims(over), by);
}

function verdict(text: string, expected: Partial<ExpectedProof> = {}, of = memory()): string {
  const result = verifyProof(text, { ...EXPECTED, ...expected }, of);
  return result.ok ? "ok" : result.fault;
}

describe("a proof", () => {
  it("gives the thumbprint of its key", () => {
    const imported = importPublicKey(key.jwk);
    const jkt = imported.ok ? thumbprint(imported.jwk) : "";
    expect(verifyProof(proof(), EXPECTED, memory())).toEqual({ ok: true, jkt });
  });

  it("may name its algorithm after the curve (RFC 9864), but not another key's", () => {
    expect(verdict(proof({}, { alg: "Ed25519" }))).toBe("ok");
    const ec = testKey("ES256");
    expect(verdict(proof({}, { alg: "Ed25519", jwk: ec.jwk }, ec))).toBe("algorithm_refused");
  });

  it("may be made with a P-256 key", () => {
    const ec = testKey("ES256");
    expect(verdict(proof({}, { alg: "ES256", jwk: ec.jwk }, ec))).toBe("ok");
  });

  it.each([
    [{ htm: "GET" }, "method_mismatch"],
    [{ htm: "post" }, "method_mismatch"],
    [{ htu: `${URL}/x` }, "url_mismatch"],
    [{ htu: URL.replace("https", "http") }, "url_mismatch"],
    [{ htu: URL.replace("postern.example", "evil.example") }, "url_mismatch"],
    [{ htu: URL.replace("://", "://user@") }, "url_mismatch"],
    [{ htu: URL.replace("acme", "umbrella") }, "url_mismatch"],
    [{ htu: "not a url" }, "url_mismatch"],
    [{ htu: undefined }, "url_mismatch"],
    [{ ath: accessTokenHash("other") }, "token_mismatch"],
    [{ ath: undefined }, "token_mismatch"],
    [{ jti: undefined }, "claims_invalid"],
    [{ jti: "" }, "claims_invalid"],
    [{ jti: "j".repeat(257) }, "claims_invalid"],
    [{ iat: undefined }, "claims_invalid"],
    [{ iat: `${NOW_S}` }, "claims_invalid"],
    [{ iat: NOW_S - 31 }, "stale"],
    [{ iat: NOW_S + 31 }, "stale"],
    [{ iat: NOW_S - 300 }, "stale"],
    [{ nonce: "another" }, "nonce_mismatch"],
    [{ nonce: null }, "nonce_mismatch"],
  ])("with %j is refused: %s", (over, fault) => {
    expect(verdict(proof(over))).toBe(fault);
  });

  it.each([
    ["the type of another token", { typ: "JWT" }, "type_refused"],
    ["no key", { jwk: undefined }, "key_refused"],
    ["a private key", { jwk: { ...bare, d: key.privateJwk["d"] } }, "key_refused"],
    ["a symmetric key", { jwk: { kty: "oct", k: "AA" } }, "key_refused"],
    ["an RSA key", { jwk: testKey("RS256").jwk }, "key_refused"],
    ["another key than the one that signed", { jwk: testKey().jwk }, "signature_invalid"],
    ["alg none", { alg: "none" }, "algorithm_refused"],
    ["HS256", { alg: "HS256" }, "algorithm_refused"],
    ["RS256", { alg: "RS256" }, "algorithm_refused"],
    ["the algorithm of another kind of key", { alg: "ES256" }, "algorithm_refused"],
    ["a key URL", { jku: "https://evil.example" }, "header_refused"],
    ["a critical extension", { crit: ["exp"] }, "header_refused"],
  ])("with %s is refused", (_name, header, fault) => {
    expect(verdict(proof({}, header))).toBe(fault);
  });

  it("is compared with the URL after normalisation, without query and fragment", () => {
    for (const htu of [
      URL.replace("postern", "POSTERN"),
      URL.replace("example/", "example:443/"),
      `${URL}?a=b`,
      `${URL}#f`,
      URL.replace("/v1/", "/x/../v1/"),
    ]) {
      expect(verdict(proof({ htu }))).toBe("ok");
    }
  });

  it("is good once, until it is too old to count anyway", () => {
    const of = memory();
    const text = proof();
    expect(verdict(text, {}, of)).toBe("ok");
    for (let seconds = 0; seconds <= 30; seconds++) {
      expect(verdict(text, { now: (NOW_S + seconds) * 1_000 }, of)).toBe("replayed");
    }
    expect(verdict(text, { now: (NOW_S + 30) * 1_000 + 1 }, of)).toBe("stale");
  });

  it("counts 30 seconds before and after our clock", () => {
    expect(verdict(proof({ iat: NOW_S - 30 }))).toBe("ok");
    expect(verdict(proof({ iat: NOW_S + 30, nonce: "nonce-of-this-process" }))).toBe("ok");
  });

  it("is refused when nothing more can be remembered", () => {
    expect(verdict(proof(), {}, memory(0, 0))).toBe("busy");
  });

  it("at the token endpoint needs no credential", () => {
    expect(verdict(proof({ ath: undefined }), { accessToken: null })).toBe("ok");
  });

  it("is refused with any single character changed", () => {
    const text = proof();
    for (let at = 0; at < text.length; at++) {
      for (const bad of mutations(text, at)) {
        if (verdict(bad) === "ok") expect.fail(`changed at ${at}`);
      }
    }
  });
});

describe("a proof after a restart", () => {
  const start = NOW_S * 1_000 + 400;

  it("that may have been used before must name the nonce of the new process", () => {
    const of = memory(start);
    const now = start + 5_000;
    expect(verdict(proof({ iat: NOW_S - 1 }), { now }, of)).toBe("nonce_required");
    expect(verdict(proof({ iat: NOW_S }), { now }, of)).toBe("nonce_required");
    expect(verdict(proof({ iat: NOW_S + 1 }), { now }, of)).toBe("ok");
    expect(verdict(proof({ iat: NOW_S, nonce: "nonce-of-this-process" }), { now }, of)).toBe(
      "replayed",
    );
    expect(
      verdict(proof({ iat: NOW_S, jti: "j-2", nonce: "nonce-of-this-process" }), { now }, of),
    ).toBe("ok");
  });

  it("dated in the future cannot outlive the process that saw it", () => {
    const ahead = proof({ iat: NOW_S + 20 });
    expect(verdict(ahead, { now: NOW_S * 1_000 }, memory())).toBe("nonce_required");
    const named = proof({ iat: NOW_S + 20, nonce: "nonce-of-the-old-process" });
    expect(verdict(named, { now: (NOW_S + 20) * 1_000 }, memory(start))).toBe("nonce_mismatch");
  });
});
