import { describe, expect, it } from "vitest";
import { AgentKey } from "../sdk/agent.ts";
import { ProofKey } from "../sdk/proof.ts";
import type { PrivateKeyJwk } from "../sdk/sign.ts";
import { forge, testKey, type TestKey } from "../sdk/testing.ts";
import { accessKeys, verifyAccessAssertion } from "./access.ts";
import { admitOpen, type ExchangeContext } from "./admit.ts";
import { importKeys } from "./keys.ts";
import { tokenEndpointOf } from "./metadata.ts";
import { exchangeContext, humanToken, idpKey, NOW, NOW_S, place, supportKey } from "./testing.ts";

const TEAM = "https://acme.cloudflareaccess.com";
const ACCESS = { team: TEAM, audience: "4714c1358e65fe4b408ad6d432a5f878" };
const key = testKey("RS256", "access-1");
const HEADER = { alg: "RS256", kid: "access-1", typ: "JWT" };
/** As Access writes it for a person who signed in. */
const CLAIMS = {
  aud: [ACCESS.audience],
  email: "dana@acme.example",
  exp: NOW_S + 3_600,
  iat: NOW_S,
  nbf: NOW_S,
  iss: TEAM,
  type: "app",
  identity_nonce: "6ei69kawdKzMIAPF",
  sub: "7335d417-61da-459d-899c-0a01c76a2f94",
  country: "PT",
};

function ringOf(...keys: readonly TestKey[]) {
  const imported = importKeys({ keys: keys.map(({ jwk }) => jwk) }, ["RS256"]);
  if (!imported.ok) throw new Error("test key");
  return imported.ring;
}

const assertion = (over: object = {}, header: object = HEADER, by = key): string =>
  forge(header, { ...CLAIMS, ...over }, by);

const verdict = (token: string, now = NOW): string => {
  const result = verifyAccessAssertion(token, ACCESS, ringOf(key), now);
  return result.ok ? "ok" : result.fault;
};

describe("an assertion of Access", () => {
  it("says who the human is, and by which keys it is believed", () => {
    expect(verifyAccessAssertion(assertion(), ACCESS, ringOf(key), NOW)).toMatchObject({
      ok: true,
      assertion: { issuer: TEAM, subject: CLAIMS.sub, claims: CLAIMS },
    });
    expect(accessKeys(ACCESS)).toEqual({
      issuer: TEAM,
      algorithms: ["RS256"],
      jwksUri: "https://acme.cloudflareaccess.com/cdn-cgi/access/certs",
    });
  });

  it.each<readonly [string, object, string]>([
    ["another application", { aud: ["f7e3"] }, "audience_mismatch"],
    ["several applications", { aud: [ACCESS.audience, "f7e3"] }, "audience_mismatch"],
    ["no application", { aud: [] }, "audience_mismatch"],
    ["another team", { iss: "https://evil.cloudflareaccess.com" }, "issuer_mismatch"],
    ["a team that begins like ours", { iss: `${TEAM}.example` }, "issuer_mismatch"],
    ["the team's own session", { type: "org" }, "claims_invalid"],
    ["no kind", { type: undefined }, "claims_invalid"],
    ["a service, which is no human", { sub: "", common_name: "ci.access" }, "claims_invalid"],
    ["an hour ago", { exp: NOW_S - 31 }, "expired"],
    ["an hour to come", { iat: NOW_S + 3_600, nbf: NOW_S + 3_600 }, "not_yet_valid"],
    ["no end", { exp: undefined }, "claims_invalid"],
  ])("for %s is refused", (_, over, fault) => {
    expect(verdict(assertion(over))).toBe(fault);
  });

  it("is refused under every other algorithm, key or signature", () => {
    const stranger = testKey("RS256", "access-1");
    expect(verdict(assertion({}, HEADER, stranger))).toBe("signature_invalid");
    expect(verdict(assertion({}, { ...HEADER, kid: "access-2" }))).toBe("key_unknown");
    expect(verdict(assertion({}, { ...HEADER, alg: "none" }))).not.toBe("ok");
    expect(verdict(assertion({}, { ...HEADER, alg: "HS256" }))).not.toBe("ok");
    const curve = testKey("ES256", "access-1");
    expect(verdict(assertion({}, { ...HEADER, alg: "ES256" }, curve))).not.toBe("ok");
    const unsigned = `${assertion().split(".").slice(0, 2).join(".")}.`;
    expect(verdict(unsigned)).not.toBe("ok");
  });

  it("is one: two headers, as Fetch joins them, are none", () => {
    expect(verdict(`${assertion()}, ${assertion()}`)).toBe("malformed");
  });
});

describe("opening by Access", () => {
  const url = tokenEndpointOf(place);

  async function opened(
    over: Partial<ExchangeContext>,
    subjectToken: string,
    signedInBy: "access" | "idp" = "access",
    context: ExchangeContext = { ...exchangeContext(), ...over },
  ) {
    const jwk = supportKey.privateJwk as unknown as PrivateKeyJwk;
    const support = await AgentKey.import("support-agent", jwk);
    const proofKey = await ProofKey.generate();
    const proof = await proofKey.prove({ method: "POST", url, now: NOW });
    const clientAssertion = await support.assertion(url, NOW);
    const ask = { purpose: "support-case", inputs: {} };
    const exchange = { kind: "open", signedInBy, subjectToken, clientAssertion, ask } as const;
    return admitOpen(exchange, { method: "POST", url, proof }, context, NOW);
  }
  const access = { ...ACCESS, keys: { ringFor: async () => ringOf(key) } };

  it("gives a human of their own: the same subject at the provider is somebody else", async () => {
    const byAccess = await opened({ access }, assertion({ sub: "dana" }));
    const byProvider = await opened({ access }, humanToken({ sub: "dana" }), "idp");
    expect([byAccess.ok, byProvider.ok]).toEqual([true, true]);
    if (!byAccess.ok || !byProvider.ok) return;
    expect(byAccess.opener.claims).toMatchObject({ email: "dana@acme.example" });
    expect(byAccess.opener.human).not.toBe(byProvider.opener.human);
  });

  it("is done once with each assertion", async () => {
    const context = { ...exchangeContext(), access };
    const token = assertion();
    expect(await opened({}, token, "access", context)).toMatchObject({ ok: true });
    expect(await opened({}, token, "access", context)).toMatchObject({
      ok: false,
      fault: { of: "human", fault: "replayed" },
    });
  });

  it("passes no token of one at the door of the other", async () => {
    const refused = { ok: false, fault: { of: "human" } };
    expect(await opened({ access }, humanToken())).toMatchObject(refused);
    expect(await opened({ access }, assertion(), "idp")).toMatchObject(refused);
    // Whoever holds a key of the provider is not Access.
    expect(await opened({ access }, assertion({}, HEADER, idpKey))).toMatchObject(refused);
  });

  it("is nothing where the tenant has no Access, and waits where its keys cannot be had", async () => {
    expect(await opened({}, assertion())).toMatchObject({ ok: false, fault: { of: "human" } });
    const away = { ...ACCESS, keys: { ringFor: async () => null } };
    expect(await opened({ access: away }, assertion())).toMatchObject({
      ok: false,
      fault: { of: "human", fault: "keys_unavailable" },
    });
  });
});
