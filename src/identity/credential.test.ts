import { describe, expect, it } from "vitest";
import { encode, mutations } from "../sdk/testing.ts";
import {
  createCredentialContext,
  mintCredential,
  verifyCredential,
  type CredentialGrant,
} from "./credential.ts";
import { generatePrivateJwk, importSigningKey, ringOf } from "./keys.ts";
import { signJwt } from "./jws.ts";

const NOW_S = 1_800_000_000;
const NOW = NOW_S * 1_000;
const key = importSigningKey({ ...generatePrivateJwk() });
const place = {
  tenant: "acme",
  issuer: "https://postern.example/acme",
  resource: "https://postern.example/acme/mcp",
};
const context = () => createCredentialContext({ ...place, ring: () => ringOf([key]) });
const caller = {
  tenant: "acme",
  workflow: "wf_1",
  seat: "seat_1",
  agent: "support-agent",
  human: "human-1",
  jkt: "thumbprint",
};
const grant: CredentialGrant = { ...caller, jti: "j-1", now: NOW, seatExpiresAt: NOW + 3_600_000 };

function mint(over: Partial<CredentialGrant> = {}): string {
  const minted = mintCredential({ ...grant, ...over }, place, key);
  if (minted === null) throw new Error("nothing minted");
  return minted.token;
}

function payloadOf(token: string): { [claim: string]: unknown } {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
    [claim: string]: unknown;
  };
}

function verdict(token: string, now = NOW, of = context()): string {
  const result = verifyCredential(token, of, now);
  return result.ok ? "ok" : result.fault;
}

describe("a workflow credential", () => {
  it("says who it is for, in these words", () => {
    expect(payloadOf(mint())).toEqual({
      iss: "https://postern.example/acme",
      aud: "https://postern.example/acme/mcp",
      sub: "human-1",
      client_id: "support-agent",
      tenant: "acme",
      workflow: "wf_1",
      seat: "seat_1",
      cnf: { jkt: "thumbprint" },
      iat: NOW_S,
      exp: NOW_S + 900,
      jti: "j-1",
    });
  });

  it("gives the caller back", () => {
    expect(verifyCredential(mint(), context(), NOW)).toEqual({ ok: true, caller });
  });

  it("lives 15 minutes, and never longer than its seat", () => {
    expect(mintCredential(grant, place, key)).toMatchObject({ expiresIn: 900 });
    const short = { ...grant, seatExpiresAt: NOW + 90_900 };
    expect(mintCredential(short, place, key)).toMatchObject({ expiresIn: 90 });
    expect(mintCredential({ ...grant, seatExpiresAt: NOW + 999 }, place, key)).toBeNull();
    expect(mintCredential({ ...grant, seatExpiresAt: NOW - 1 }, place, key)).toBeNull();
  });

  it("ends to the second, also when it is cached", () => {
    const of = context();
    const token = mint();
    expect(verdict(token, NOW, of)).toBe("ok");
    expect(verdict(token, NOW + 899_999, of)).toBe("ok");
    expect(of.cache.size).toBe(1);
    expect(verdict(token, NOW + 900_000, of)).toBe("expired");
    expect(verdict(token, NOW - 1, of)).toBe("not_yet_valid");
  });

  it.each([
    [{ iss: "https://postern.example/umbrella" }, "issuer_mismatch"],
    [{ aud: "https://postern.example/umbrella/mcp" }, "audience_mismatch"],
    [{ aud: ["https://postern.example/acme/mcp"] }, "claims_invalid"],
    [{ tenant: "umbrella" }, "tenant_mismatch"],
    [{ exp: NOW_S + 901 }, "life_too_long"],
    [{ cnf: {} }, "claims_invalid"],
    [{ cnf: undefined }, "claims_invalid"],
    [{ seat: 7 }, "claims_invalid"],
    [{ workflow: undefined }, "claims_invalid"],
    [{ exp: "soon" }, "claims_invalid"],
  ])("signed by us but with %j is refused: %s", (over, fault) => {
    expect(verdict(signJwt("at+jwt", { ...payloadOf(mint()), ...over }, key))).toBe(fault);
  });

  it("is not another token of ours", () => {
    for (const typ of ["txntoken+jwt", "JWT", "dpop+jwt"]) {
      expect(verdict(signJwt(typ, payloadOf(mint()), key))).toBe("type_refused");
    }
  });

  it("of another tenant's key is unknown here", () => {
    const other = importSigningKey({ ...generatePrivateJwk() });
    expect(verdict(signJwt("at+jwt", payloadOf(mint()), other))).toBe("key_unknown");
    expect(verdict(signJwt("at+jwt", payloadOf(mint()), { ...other, kid: key.kid }))).toBe(
      "signature_invalid",
    );
  });

  it("is refused with any single character changed, also when the good one is cached", () => {
    const of = context();
    const token = mint();
    expect(verdict(token, NOW, of)).toBe("ok");
    for (let at = 0; at < token.length; at++) {
      for (const bad of mutations(token, at)) {
        if (verdict(bad, NOW, of) === "ok") expect.fail(`changed at ${at}`);
      }
    }
  });

  it("is not cached when it is refused", () => {
    const of = context();
    const [head, , tail] = mint().split(".");
    verdict(`${head}.${encode({ ...payloadOf(mint()), seat: "seat_2" })}.${tail}`, NOW, of);
    verdict(signJwt("at+jwt", { ...payloadOf(mint()), tenant: "umbrella" }, key), NOW, of);
    expect(of.cache.size).toBe(0);
  });
});
