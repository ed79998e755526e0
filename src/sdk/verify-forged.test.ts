import { createHmac } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import {
  claims,
  codeOf,
  freshOptions,
  HEADER,
  key,
  NOW_S,
  operation,
  post,
  token,
} from "./testing-call.ts";
import { forge, mutations, testKey } from "./testing.ts";
import {
  MemorySpentStore,
  verifyCall,
  verifyCallToken,
  type ExpectedCall,
  type VerifyOptions,
} from "./verify.ts";

let options: VerifyOptions;
beforeEach(() => {
  options = freshOptions();
});

describe("forged call tokens", () => {
  const ec = testKey("ES256", "gateway-2");
  const other = testKey("EdDSA", "gateway-1");
  const parts = (good: string): string[] => good.split(".");

  it.each([
    [
      "alg none",
      () =>
        `${parts(forge({ ...HEADER, alg: "none" }, claims(), key))
          .slice(0, 2)
          .join(".")}.`,
      "token_malformed",
    ],
    [
      "alg none with a signature",
      () => forge({ ...HEADER, alg: "none" }, claims(), key),
      "token_algorithm_refused",
    ],
    ["alg NONE", () => forge({ ...HEADER, alg: "NONE" }, claims(), key), "token_algorithm_refused"],
    [
      "HS256 with the public key as secret",
      () => hmac(claims(), "HS256"),
      "token_algorithm_refused",
    ],
    [
      "EdDSA claimed as ES256",
      () => forge({ ...HEADER, alg: "ES256" }, claims(), key),
      "token_algorithm_refused",
    ],
    ["another key under our kid", () => forge(HEADER, claims(), other), "token_signature_invalid"],
    [
      "an ES256 key under our kid",
      () => forge({ ...HEADER, alg: "ES256" }, claims(), ec),
      "token_algorithm_refused",
    ],
    [
      "its own key in the header",
      () => forge({ ...HEADER, jwk: other.jwk }, claims(), other),
      "token_header_refused",
    ],
    [
      "a key TARGET in the header",
      () => forge({ ...HEADER, jku: "https://x" }, claims(), other),
      "token_header_refused",
    ],
    [
      "no kid",
      () => forge({ typ: "txntoken+jwt", alg: "EdDSA" }, claims(), key),
      "token_key_unknown",
    ],
    [
      "a kid that is a path",
      () => forge({ ...HEADER, kid: "../gateway-1" }, claims(), key),
      "token_key_unknown",
    ],
    [
      "a kid with a quote",
      () => forge({ ...HEADER, kid: "x' OR '1'='1" }, claims(), key),
      "token_key_unknown",
    ],
    [
      "a kid named like a method",
      () => forge({ ...HEADER, kid: "constructor" }, claims(), key),
      "token_key_unknown",
    ],
    [
      "the type of a credential",
      () => forge({ ...HEADER, typ: "at+jwt" }, claims(), key),
      "token_type_refused",
    ],
    [
      "a claim twice",
      () => forge(HEADER, `{"iss":"x",${JSON.stringify(claims()).slice(1)}`, key),
      "token_claims_invalid",
    ],
    ["a payload that is no JSON", () => forge(HEADER, "hello", key), "token_claims_invalid"],
    [
      "swapped parts",
      () => {
        const [h, p, s] = parts(token());
        return `${p}.${h}.${s}`;
      },
      "token_algorithm_refused",
    ],
  ])("with %s are refused", async (_name, make, code) => {
    expect(codeOf(await verifyCall(post(make()), options))).toBe(code);
  });

  function hmac(payload: object, alg: string): string {
    const good = forge({ ...HEADER, alg }, payload, key);
    const input = parts(good).slice(0, 2).join(".");
    const secret = Buffer.from(key.jwk["x"] ?? "", "base64url");
    const mac = createHmac("sha256", secret).update(input).digest("base64url");
    return `${input}.${mac}`;
  }

  it("do not get through with any single character changed", async () => {
    const good = token();
    const keys = options.keys;
    const expected = (): ExpectedCall => ({
      ...options,
      keys,
      now: NOW_S * 1_000,
      operation: operation(),
      spent: new MemorySpentStore(),
    });
    expect((await verifyCallToken(good, expected())).ok).toBe(true);
    for (let at = 0; at < good.length; at++) {
      for (const bad of mutations(good, at)) {
        const result = await verifyCallToken(bad, expected());
        if (result.ok) expect.fail(`changed at ${at}`);
      }
    }
  });
});
