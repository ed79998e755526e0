import { describe, expect, it } from "vitest";
import { importKeys } from "../../identity/keys.ts";
import { humanPseudonym } from "../../identity/oidc.ts";
import { MAX_TOKEN_CHARS } from "../../sdk/jws.ts";
import { encode, forge, testKey } from "../../sdk/testing.ts";
import {
  receiveSecurityEvent,
  type ReceivedEvent,
  SECURITY_EVENT_ERRORS,
  type SecurityEventsDoor,
} from "./security-events.ts";

const NOW_S = 1_800_000_000;
const IDP = "https://idp.example";
const key = testKey("ES256", "set-1");
const imported = importKeys({ keys: [key.jwk] }, ["ES256"]);
if (!imported.ok) throw new Error("test key");
const { ring } = imported;
const pseudonymKey = Buffer.alloc(32, 7);
const SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const HEADER = { alg: "ES256", kid: "set-1", typ: "secevent+jwt" };
const CLAIMS = {
  iss: "https://signals.example",
  aud: "us",
  iat: NOW_S,
  jti: "event-1",
  sub_id: { format: "iss_sub", iss: IDP, sub: "dana" },
  events: { [SESSION_REVOKED]: {} },
};

function door(over: Partial<SecurityEventsDoor> = {}) {
  const received: ReceivedEvent[] = [];
  const one: SecurityEventsDoor = {
    transmitter: { issuer: CLAIMS.iss, audience: "us", algorithms: ["ES256"] },
    keys: { ringFor: async () => ring },
    idpIssuer: IDP,
    pseudonymKey,
    now: () => NOW_S * 1_000,
    receive: async (event) => received.push(event) > 0,
    ...over,
  };
  return { one, received };
}

function push(body: string, type = "application/secevent+jwt"): Request {
  const headers = { "content-type": type };
  return new Request("http://x/acme/v1/events", { method: "POST", body, headers });
}

const token = (over: object = {}, header: object = HEADER): string =>
  forge(header, { ...CLAIMS, ...over }, key);

describe("a pushed security event", () => {
  it("is acknowledged with an empty 202, and hands over a pseudonym, no name", async () => {
    const { one, received } = door();
    const answer = await receiveSecurityEvent(one, push(token()));
    expect([answer.status, await answer.text()]).toEqual([202, ""]);
    expect(received).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{64}$/),
        forgetAt: expect.any(Number),
        revokes: { type: "session-revoked", human: humanPseudonym(pseudonymKey, IDP, "dana") },
      },
    ]);
    expect(JSON.stringify(received)).not.toContain("dana");
  });

  it("is refused with these codes of RFC 8935, and no others", () => {
    expect([...SECURITY_EVENT_ERRORS]).toEqual([
      "invalid_request",
      "invalid_key",
      "invalid_issuer",
      "invalid_audience",
      "authentication_failed",
    ]);
  });

  it.each<[string, string, string]>([
    ["invalid_request", "of another type", token({}, { ...HEADER, typ: "JWT" })],
    ["invalid_request", "without a subject", token({ sub_id: undefined })],
    [
      "invalid_request",
      "about two",
      token({ events: { [SESSION_REVOKED]: { subject: { ...CLAIMS.sub_id, sub: "lee" } } } }),
    ],
    ["invalid_request", "about an address", token({ sub_id: { format: "email", email: "a@b" } })],
    ["invalid_request", "from the past", token({ iat: NOW_S - 100_000 })],
    [
      "invalid_request",
      "that is not signed",
      `${encode({ ...HEADER, alg: "none" })}.${encode(CLAIMS)}.`,
    ],
    ["invalid_request", "that is empty", ""],
    ["invalid_request", "that is two", `${token()}\n${token()}`],
    ["invalid_request", "that is huge", "x".repeat(MAX_TOKEN_CHARS + 1)],
    ["invalid_key", "of another key", token({}, { ...HEADER, kid: "set-2" })],
    ["invalid_key", "of another algorithm", token({}, { ...HEADER, alg: "HS256" })],
    [
      "authentication_failed",
      "with a foreign signature",
      forge(HEADER, CLAIMS, testKey("ES256", "set-1")),
    ],
    ["invalid_issuer", "of another issuer", token({ iss: IDP })],
    ["invalid_audience", "for somebody else", token({ aud: "them" })],
  ])("is %s: %s", async (err, _, body) => {
    const { one, received } = door();
    const answer = await receiveSecurityEvent(one, push(body));
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("content-language")).toBe("en");
    expect(await answer.json()).toEqual({ err, description: expect.stringMatching(/^[A-Z].*\.$/) });
    expect(received).toEqual([]);
  });

  it("is one only where it says so", async () => {
    const { one, received } = door();
    for (const type of ["application/json", "application/jwt", "application/secevent+jwtx", ""]) {
      const answer = await receiveSecurityEvent(one, push(token(), type));
      expect([type, answer.status, (await answer.json()).err]).toEqual([
        type,
        400,
        "invalid_request",
      ]);
    }
    expect(received).toEqual([]);
    const charset = "application/secevent+jwt; charset=us-ascii";
    expect((await receiveSecurityEvent(one, push(token(), charset))).status).toBe(202);
  });

  it("has to be sent again while keys or record cannot be had", async () => {
    const keyless = door({ keys: { ringFor: async () => null } });
    expect((await receiveSecurityEvent(keyless.one, push(token()))).status).toBe(503);
    const full = door({ receive: async () => false });
    expect((await receiveSecurityEvent(full.one, push(token()))).status).toBe(503);
  });

  it("finds nobody where a tenant takes none", async () => {
    expect((await receiveSecurityEvent(null, push(token()))).status).toBe(404);
  });
});
