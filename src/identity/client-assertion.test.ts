import { describe, expect, it } from "vitest";
import { forge, mutations, testKey } from "../sdk/testing.ts";
import { verifyAgentAssertion, type AgentRings } from "./client-assertion.ts";
import { importKeys } from "./keys.ts";

const NOW_S = 1_800_000_000;
const ENDPOINT = "https://postern.example/acme/oauth/token";
const ISSUER = "https://postern.example/acme";
const support = testKey("EdDSA", "s-1");
const ops = testKey("ES256", "o-1");
const HEADER = { alg: "EdDSA", kid: "s-1", typ: "JWT" };

function ringOf(jwk: object) {
  const imported = importKeys({ keys: [jwk] }, ["EdDSA", "ES256"]);
  if (!imported.ok) throw new Error("test key");
  return imported.ring;
}
const all = new Map([
  ["support-agent", ringOf(support.jwk)],
  ["ops-agent", ringOf(ops.jwk)],
]);
const rings: AgentRings = (agent) => all.get(agent);

function claims(over: object = {}): object {
  return {
    iss: "support-agent",
    sub: "support-agent",
    aud: ENDPOINT,
    jti: "j-1",
    iat: NOW_S,
    exp: NOW_S + 60,
    ...over,
  };
}

function check(token: string, at = NOW_S) {
  return verifyAgentAssertion(token, rings, [ENDPOINT, ISSUER], at * 1_000);
}

function verdictOf(over: object, at = NOW_S): string {
  const result = check(forge(HEADER, claims(over), support), at);
  return result.ok ? "ok" : result.fault;
}

describe("an agent assertion", () => {
  it("names the agent and what is to be spent", () => {
    expect(check(forge(HEADER, claims(), support))).toMatchObject({
      ok: true,
      assertion: { agent: "support-agent", forgetAt: (NOW_S + 90) * 1_000 },
    });
  });

  it("may be ES256 where the agent's key is", () => {
    const token = forge(
      { alg: "ES256", kid: "o-1" },
      claims({ iss: "ops-agent", sub: "ops-agent", aud: ISSUER }),
      ops,
    );
    expect(check(token)).toMatchObject({ ok: true, assertion: { agent: "ops-agent" } });
  });

  it.each([
    [{ iss: "nobody", sub: "nobody" }, "agent_unknown"],
    [{ iss: "__proto__", sub: "__proto__" }, "agent_unknown"],
    [{ iss: undefined }, "claims_invalid"],
    [{ sub: "ops-agent" }, "issuer_mismatch"],
    [{ sub: undefined }, "issuer_mismatch"],
    [{ aud: "https://postern.example/umbrella/oauth/token" }, "audience_mismatch"],
    [{ aud: [ENDPOINT, "https://elsewhere.example"] }, "audience_mismatch"],
    [{ aud: [] }, "audience_mismatch"],
    [{ aud: undefined }, "audience_mismatch"],
    [{ jti: undefined }, "claims_invalid"],
    [{ jti: "" }, "claims_invalid"],
    [{ jti: 7 }, "claims_invalid"],
    [{ jti: "j".repeat(257) }, "claims_invalid"],
    [{ iat: undefined }, "claims_invalid"],
    [{ exp: undefined }, "claims_invalid"],
    [{ exp: NOW_S + 61 }, "life_too_long"],
    [{ exp: NOW_S }, "life_too_long"],
    [{ iat: NOW_S + 31, exp: NOW_S + 60 }, "not_yet_valid"],
    [{ nbf: NOW_S + 31 }, "not_yet_valid"],
    [{ iat: NOW_S - 90, exp: NOW_S - 30 }, "expired"],
  ])("with %j is refused: %s", (over, fault) => {
    expect(verdictOf(over)).toBe(fault);
  });

  it("bears 30 seconds of skew", () => {
    expect(verdictOf({ iat: NOW_S + 30, exp: NOW_S + 90 })).toBe("ok");
    expect(verdictOf({ iat: NOW_S - 89, exp: NOW_S - 29 })).toBe("ok");
    expect(verdictOf({ aud: [ENDPOINT] })).toBe("ok");
  });

  it("of one agent is refused under the key of another", () => {
    const stolen = claims({ iss: "ops-agent", sub: "ops-agent" });
    expect(check(forge(HEADER, stolen, support))).toEqual({ ok: false, fault: "key_unknown" });
    expect(check(forge({ ...HEADER, kid: "o-1" }, stolen, support))).toEqual({
      ok: false,
      fault: "algorithm_refused",
    });
    expect(
      check(forge({ alg: "ES256", kid: "o-1" }, stolen, { ...support, alg: "EdDSA" })),
    ).toEqual({
      ok: false,
      fault: "signature_invalid",
    });
  });

  it("cannot be a proof or a credential", () => {
    for (const typ of ["dpop+jwt", "at+jwt", "txntoken+jwt"]) {
      expect(check(forge({ ...HEADER, typ }, claims(), support))).toEqual({
        ok: false,
        fault: "type_refused",
      });
    }
  });

  it("has one id per agent and jti, whatever else it says", () => {
    const idOf = (over: object): string => {
      const result = check(forge(HEADER, claims(over), support));
      return result.ok ? result.assertion.id : "";
    };
    expect(idOf({})).toMatch(/^[0-9a-f]{64}$/);
    expect(idOf({ aud: ISSUER, exp: NOW_S + 9 })).toBe(idOf({}));
    expect(idOf({ jti: "j-2" })).not.toBe(idOf({}));
  });

  it("is refused with any single character changed", () => {
    const token = forge(HEADER, claims(), support);
    for (let at = 0; at < token.length; at++) {
      for (const bad of mutations(token, at)) {
        if (check(bad).ok) expect.fail(`changed at ${at}`);
      }
    }
  });
});
