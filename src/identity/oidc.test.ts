import { describe, expect, it } from "vitest";
import { forge, mutations, signature, testKey } from "../sdk/testing.ts";
import { importKeys } from "./keys.ts";
import { humanAssertionKid, humanPseudonym, verifyHumanAssertion, type IdpConfig } from "./oidc.ts";

const NOW_S = 1_800_000_000;
const key = testKey("ES256", "idp-1");
const idp: IdpConfig = {
  issuer: "https://idp.example",
  audience: "postern",
  algorithms: ["ES256"],
};
const imported = importKeys({ keys: [key.jwk] }, idp.algorithms);
if (!imported.ok) throw new Error("test key");
const { ring } = imported;
const HEADER = { alg: "ES256", kid: "idp-1", typ: "JWT" };

function claims(over: object = {}): object {
  return {
    iss: idp.issuer,
    sub: "dana",
    aud: "postern",
    iat: NOW_S,
    exp: NOW_S + 300,
    groups: ["support"],
    ...over,
  };
}

function verdict(token: string, at = NOW_S): string {
  const result = verifyHumanAssertion(token, idp, ring, at * 1_000);
  return result.ok ? "ok" : result.fault;
}

function verdictOf(over: object, at = NOW_S): string {
  return verdict(forge(HEADER, claims(over), key), at);
}

describe("a human assertion", () => {
  it("gives issuer, subject and claims", () => {
    const result = verifyHumanAssertion(forge(HEADER, claims(), key), idp, ring, NOW_S * 1_000);
    expect(result).toMatchObject({
      ok: true,
      assertion: {
        issuer: "https://idp.example",
        subject: "dana",
        claims: { groups: ["support"] },
        forgetAt: (NOW_S + 330) * 1_000,
      },
    });
  });

  it("may leave typ out, as many providers do", () => {
    expect(verdict(forge({ alg: "ES256", kid: "idp-1" }, claims(), key))).toBe("ok");
  });

  it.each([
    [{ iss: "https://idp.example/" }, "issuer_mismatch"],
    [{ iss: "https://evil.example" }, "issuer_mismatch"],
    [{ iss: [idp.issuer] }, "issuer_mismatch"],
    [{ aud: "other" }, "audience_mismatch"],
    [{ aud: undefined }, "audience_mismatch"],
    [{ aud: [] }, "audience_mismatch"],
    [{ aud: ["postern", "other"] }, "audience_mismatch"],
    [{ aud: ["postern", "other"], azp: "other" }, "audience_mismatch"],
    [{ aud: "postern", azp: "other" }, "audience_mismatch"],
    [{ sub: undefined }, "claims_invalid"],
    [{ sub: "" }, "claims_invalid"],
    [{ sub: 7 }, "claims_invalid"],
    [{ sub: "s".repeat(256) }, "claims_invalid"],
    [{ exp: undefined }, "claims_invalid"],
    [{ exp: `${NOW_S + 300}` }, "claims_invalid"],
    [{ exp: -1 }, "claims_invalid"],
    [{ exp: 1e300 }, "claims_invalid"],
    [{ iat: undefined }, "claims_invalid"],
    [{ nbf: "now" }, "claims_invalid"],
  ])("with %j is refused: %s", (over, fault) => {
    expect(verdictOf(over)).toBe(fault);
  });

  it("may be for several audiences when it was issued to us", () => {
    expect(verdictOf({ aud: ["postern", "other"], azp: "postern" })).toBe("ok");
    expect(verdictOf({ aud: ["postern"] })).toBe("ok");
    expect(verdictOf({ sub: "s".repeat(255) })).toBe("ok");
  });

  it("bears 30 seconds of skew and not one more, and no five minutes at all", () => {
    expect(verdictOf({ iat: NOW_S + 30 })).toBe("ok");
    expect(verdictOf({ iat: NOW_S + 31 })).toBe("not_yet_valid");
    expect(verdictOf({ nbf: NOW_S + 30 })).toBe("ok");
    expect(verdictOf({ nbf: NOW_S + 31 })).toBe("not_yet_valid");
    expect(verdictOf({ exp: NOW_S - 29 })).toBe("ok");
    expect(verdictOf({ exp: NOW_S - 30 })).toBe("expired");
    expect(verdictOf({}, NOW_S + 300 + 300)).toBe("expired");
    expect(verdictOf({}, NOW_S - 300)).toBe("not_yet_valid");
  });

  it("is not an access token of the same issuer", () => {
    expect(verdict(forge({ ...HEADER, typ: "at+jwt" }, claims(), key))).toBe("type_refused");
  });

  it("is refused under a key of an algorithm that was not configured", () => {
    const rsa = testKey("RS256", "rsa");
    const both = importKeys({ keys: [key.jwk, rsa.jwk] }, ["ES256", "RS256"]);
    const token = forge({ alg: "RS256", kid: "rsa" }, claims(), rsa);
    const result = both.ok && verifyHumanAssertion(token, idp, both.ring, NOW_S * 1_000);
    expect(result).toEqual({ ok: false, fault: "algorithm_refused" });
  });

  it("keeps its id when the signature is rewritten into its second valid form", () => {
    const token = forge(HEADER, claims(), key);
    const input = token.slice(0, token.lastIndexOf("."));
    const [head, body] = token.split(".");
    const other = `${head}.${body}.${flipS(signature(input, key)).toString("base64url")}`;
    const [one, two] = [token, other].map((text) =>
      verifyHumanAssertion(text, idp, ring, NOW_S * 1_000),
    );
    expect(one?.ok && two?.ok).toBe(true);
    expect(one?.ok && one.assertion.id).toBe(two?.ok && two.assertion.id);
  });

  it("is refused with any character of header or payload changed", () => {
    const token = forge(HEADER, claims(), key);
    for (let at = 0; at < token.length; at += 3) {
      for (const bad of mutations(token, at)) {
        if (verdict(bad) === "ok") expect.fail(`changed at ${at}`);
      }
    }
  });

  it("names its key before it is verified", () => {
    expect(humanAssertionKid(forge(HEADER, claims(), key))).toEqual({ ok: true, kid: "idp-1" });
    expect(humanAssertionKid("x")).toEqual({ ok: false, fault: "malformed" });
  });
});

/** s → n - s: ECDSA accepts both. */
function flipS(bytes: Buffer): Buffer {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const flipped = Buffer.from((n - s).toString(16).padStart(64, "0"), "hex");
  return Buffer.concat([bytes.subarray(0, 32), flipped]);
}

describe("a pseudonym", () => {
  it("is HMAC-SHA-256, hex, of issuer and subject under the tenant's key", () => {
    expect(humanPseudonym(Buffer.alloc(32, 1), "https://idp.example", "dana")).toBe(
      "0da9fc6017f8224c891ade4467b534f31a824363af84035d68305fe785983f57",
    );
  });

  it("differs between tenants, issuers and subjects", () => {
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const all = [
      humanPseudonym(a, "https://idp.example", "dana"),
      humanPseudonym(b, "https://idp.example", "dana"),
      humanPseudonym(a, "https://other.example", "dana"),
      humanPseudonym(a, "https://idp.example", "lee"),
    ];
    expect(new Set(all).size).toBe(4);
  });
});
