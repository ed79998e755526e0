import { describe, expect, it } from "vitest";
import { encode, forge, mutations, testKey } from "../sdk/testing.ts";
import { importKeys } from "./keys.ts";
import { verifyHumanAssertion } from "./oidc.ts";
import {
  MAX_EVENT_AGE_S,
  SECURITY_EVENT_FAULTS,
  securityEventKid,
  type Transmitter,
  verifySecurityEvent,
} from "./security-event.ts";

const NOW_S = 1_800_000_000;
const key = testKey("ES256", "set-1");
const IDP = "https://idp.example";
const transmitter: Transmitter = {
  issuer: "https://signals.example",
  audience: "https://gate.example/acme",
  algorithms: ["ES256"],
};
const imported = importKeys({ keys: [key.jwk] }, transmitter.algorithms);
if (!imported.ok) throw new Error("test key");
const { ring } = imported;
const HEADER = { alg: "ES256", kid: "set-1", typ: "secevent+jwt" };
const CAEP = "https://schemas.openid.net/secevent/caep/event-type/";
const REVOKED = `${CAEP}session-revoked`;
const CHANGED = `${CAEP}credential-change`;
const DANA = { format: "iss_sub", iss: IDP, sub: "dana" };

function claims(over: object = {}): object {
  return {
    iss: transmitter.issuer,
    aud: transmitter.audience,
    iat: NOW_S,
    jti: "event-1",
    sub_id: DANA,
    events: { [REVOKED]: { event_timestamp: NOW_S } },
    ...over,
  };
}

function verify(token: string, at = NOW_S) {
  return verifySecurityEvent(token, transmitter, IDP, ring, at * 1_000);
}

function verdict(token: string, at = NOW_S): string {
  const result = verify(token, at);
  return result.ok ? (result.event.revokes?.type ?? "nothing") : result.fault;
}

const verdictOf = (over: object, at = NOW_S): string =>
  verdict(forge(HEADER, claims(over), key), at);

describe("a security event token", () => {
  it("says whose sessions end, and how long it has to be remembered", () => {
    expect(verify(forge(HEADER, claims(), key))).toEqual({
      ok: true,
      event: {
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        forgetAt: (NOW_S + MAX_EVENT_AGE_S + 30) * 1_000,
        revokes: { type: "session-revoked", subject: { issuer: IDP, subject: "dana" } },
      },
    });
  });

  it("has these faults, beside those of every token", () => {
    expect([...SECURITY_EVENT_FAULTS]).toEqual([
      "issuer_mismatch",
      "audience_mismatch",
      "claims_invalid",
      "not_yet_valid",
      "too_old",
      "subject_unmapped",
      "subjects_differ",
    ]);
  });

  it.each([
    ["sub_id of the token", { sub_id: DANA, events: { [CHANGED]: {} } }],
    ["subject of the event", { sub_id: undefined, events: { [CHANGED]: { subject: DANA } } }],
    ["both, when they agree", { sub_id: DANA, events: { [CHANGED]: { subject: DANA } } }],
    [
      "a session of a user",
      { sub_id: { format: "complex", user: DANA, session: { format: "opaque", id: "s-1" } } },
    ],
    [
      "the same without a format, as earlier drafts have it",
      { sub_id: undefined, events: { [CHANGED]: { subject: { user: DANA } } } },
    ],
    [
      "one that says two things about one human",
      { events: { [`${CAEP}assurance-level-change`]: {}, [CHANGED]: {}, [REVOKED]: {} } },
    ],
  ])("may name its subject as %s", (_, over) => {
    expect(["session-revoked", "credential-change"]).toContain(verdictOf(over));
  });

  it.each([
    ["an address", { format: "email", email: "dana@acme.example" }],
    ["an account", { format: "account", uri: "acct:dana@idp.example" }],
    ["a word of the transmitter's own", { format: "opaque", id: "dana" }],
    ["aliases", { format: "aliases", identifiers: [DANA] }],
    ["a session of nobody", { format: "complex", session: { format: "opaque", id: "s-1" } }],
    ["a user by address", { format: "complex", user: { format: "email", email: "a@b" } }],
    ["a user in a user", { format: "complex", user: { format: "complex", user: DANA } }],
    ["another provider's human", { ...DANA, iss: "https://evil.example" }],
    ["the transmitter's human", { ...DANA, iss: transmitter.issuer }],
    ["almost the provider's human", { ...DANA, iss: `${IDP}/` }],
    ["no subject", { format: "iss_sub", iss: IDP }],
    ["an empty subject", { ...DANA, sub: "" }],
    ["a long subject", { ...DANA, sub: "s".repeat(256) }],
    ["a number", { ...DANA, sub: 7 }],
    ["no format", { iss: IDP, sub: "dana" }],
    ["a list", [DANA]],
    ["text", "dana"],
    ["nothing", null],
  ])("about %s is refused, not guessed", (_, subject) => {
    expect(verdictOf({ sub_id: subject })).toBe("subject_unmapped");
    const old = { sub_id: undefined, events: { [REVOKED]: { subject } } };
    expect(verdictOf(old)).toBe("subject_unmapped");
  });

  it("about two subjects is refused, wherever they stand", () => {
    const lee = { ...DANA, sub: "lee" };
    expect(verdictOf({ events: { [REVOKED]: { subject: lee } } })).toBe("subjects_differ");
    const two = { [REVOKED]: { subject: DANA }, [CHANGED]: { subject: lee } };
    expect(verdictOf({ sub_id: undefined, events: two })).toBe("subjects_differ");
    const other = { [REVOKED]: {}, [`${CAEP}token-claims-change`]: { subject: lee } };
    expect(verdictOf({ events: other })).toBe("subjects_differ");
  });

  it("about something that revokes nothing is received, whatever its subject", () => {
    const verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    for (const uri of [
      verification,
      `${CAEP}token-claims-change`,
      REVOKED.toUpperCase(),
      "toString",
    ]) {
      const about = { format: "opaque", id: "stream" };
      expect(verdictOf({ sub_id: about, events: { [uri]: { state: "x" } } })).toBe("nothing");
    }
  });

  it.each([
    [{ iss: IDP }, "issuer_mismatch"],
    [{ iss: `${transmitter.issuer}/` }, "issuer_mismatch"],
    [{ iss: [transmitter.issuer] }, "issuer_mismatch"],
    [{ iss: undefined }, "issuer_mismatch"],
    [{ aud: "other" }, "audience_mismatch"],
    [{ aud: undefined }, "audience_mismatch"],
    [{ aud: [] }, "audience_mismatch"],
    [{ aud: [[transmitter.audience]] }, "audience_mismatch"],
    [{ jti: undefined }, "claims_invalid"],
    [{ jti: "" }, "claims_invalid"],
    [{ jti: 7 }, "claims_invalid"],
    [{ jti: "j".repeat(256) }, "claims_invalid"],
    [{ iat: undefined }, "claims_invalid"],
    [{ iat: `${NOW_S}` }, "claims_invalid"],
    [{ iat: -1 }, "claims_invalid"],
    [{ exp: "never" }, "claims_invalid"],
    [{ nbf: "now" }, "claims_invalid"],
    [{ sub: "dana" }, "claims_invalid"],
    [{ events: undefined }, "claims_invalid"],
    [{ events: {} }, "claims_invalid"],
    [{ events: [REVOKED] }, "claims_invalid"],
    [{ events: { [REVOKED]: "now" } }, "claims_invalid"],
    [{ events: { [REVOKED]: {}, [CHANGED]: null } }, "claims_invalid"],
    [{ sub_id: undefined }, "claims_invalid"],
    [
      { events: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`urn:${n}`, {}])) },
      "claims_invalid",
    ],
  ])("with %j is refused: %s", (over, fault) => {
    expect(verdictOf(over)).toBe(fault);
  });

  it("may be for several audiences of which we are one", () => {
    expect(verdictOf({ aud: ["https://other.example", transmitter.audience] })).not.toBe(
      "audience_mismatch",
    );
  });

  it("needs no expiry, is good for a day, and keeps an expiry that it has", () => {
    const old = NOW_S - MAX_EVENT_AGE_S;
    expect(verdictOf({ iat: old - 29 })).toBe("session-revoked");
    expect(verdictOf({ iat: old - 30 })).toBe("too_old");
    expect(verdictOf({ exp: NOW_S - 29 })).toBe("session-revoked");
    expect(verdictOf({ exp: NOW_S - 30 })).toBe("too_old");
    expect(verdictOf({ exp: 1e15 }, NOW_S + MAX_EVENT_AGE_S + 30)).toBe("too_old");
    expect(verdictOf({ iat: NOW_S + 30 })).toBe("session-revoked");
    expect(verdictOf({ iat: NOW_S + 31 })).toBe("not_yet_valid");
    expect(verdictOf({ nbf: NOW_S + 31 })).toBe("not_yet_valid");
  });

  it("is known again by issuer and jti, however else it was written", () => {
    const idOf = (over: object): unknown => {
      const result = verify(forge(HEADER, claims(over), key));
      return result.ok && result.event.id;
    };
    expect(idOf({})).toBe(idOf({ iat: NOW_S - 5, txn: "x" }));
    expect(idOf({})).not.toBe(idOf({ jti: "event-2" }));
  });

  it.each(["JWT", "at+jwt", "application/secevent+jwt", "SecEvent+JWT", null])(
    "of type %j is none",
    (typ) => {
      const { typ: _, ...bare } = HEADER;
      const header = typ === null ? bare : { ...HEADER, typ };
      expect(verdict(forge(header, claims(), key))).toBe("type_refused");
      expect(securityEventKid(forge(header, claims(), key))).toMatchObject({ ok: false });
    },
  );

  it("is no ID token, even where issuer, audience and key are the same", () => {
    const idp = { issuer: IDP, audience: "postern", algorithms: ["ES256"] } as const;
    const both = { iss: IDP, aud: "postern", sub: "dana", iat: NOW_S, exp: NOW_S + 300 };
    const assertion = (header: object) =>
      verifyHumanAssertion(forge(header, claims(both), key), idp, ring, NOW_S * 1_000);
    expect(assertion({ ...HEADER, typ: "JWT" }).ok).toBe(true);
    expect(assertion(HEADER)).toEqual({ ok: false, fault: "type_refused" });
  });

  it("is refused without a signature, with a foreign one, and with another algorithm", () => {
    const unsigned = `${encode({ alg: "none", typ: "secevent+jwt" })}.${encode(claims())}.`;
    expect(verdict(unsigned)).toBe("malformed");
    expect(verdict(`${unsigned}AAAA`)).toBe("algorithm_refused");
    const stranger = testKey("ES256", "set-1");
    expect(verdict(forge(HEADER, claims(), stranger))).toBe("signature_invalid");
    const rsa = testKey("RS256", "rsa");
    const wide = importKeys({ keys: [key.jwk, rsa.jwk] }, ["ES256", "RS256"]);
    const token = forge({ ...HEADER, alg: "RS256", kid: "rsa" }, claims(), rsa);
    expect(
      wide.ok && verifySecurityEvent(token, transmitter, IDP, wide.ring, NOW_S * 1_000),
    ).toEqual({ ok: false, fault: "algorithm_refused" });
    for (const member of ["jwk", "jku", "x5c", "crit"]) {
      expect(verdict(forge({ ...HEADER, [member]: "x" }, claims(), key))).toBe("header_refused");
    }
  });

  it("is refused with any character of header or payload changed", () => {
    const token = forge(HEADER, claims(), key);
    for (let at = 0; at < token.lastIndexOf("."); at += 5) {
      for (const bad of mutations(token, at)) {
        if (verify(bad).ok) expect.fail(`changed at ${at}`);
      }
    }
  });
});
