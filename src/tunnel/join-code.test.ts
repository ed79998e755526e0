import { describe, expect, it } from "vitest";
import { testKey } from "./testing.ts";
import {
  checkEnrolment,
  formatJoinCode,
  joinCodeHash,
  parseJoinCode,
  type JoinGrant,
} from "./join-code.ts";
import { readEd25519, thumbprint, verifyText } from "./keys.ts";

const code = { tenant: "acme", secret: "s".repeat(43), thumbprint: "t".repeat(43) };
const publicKey = { kty: "OKP", crv: "Ed25519", x: testKey().jwk.x };
const body = { code: formatJoinCode(code), publicKey, network: "acme", tier: "internal" };
const grant: JoinGrant = { network: "acme", tier: "internal", expiresAt: 1_000 };

/** One code, as a store would hold it. */
function once(held: JoinGrant = grant): (hash: string) => JoinGrant | null {
  let left: JoinGrant | null = held;
  return (hash) => {
    if (hash !== joinCodeHash(code)) return null;
    const taken = left;
    left = null;
    return taken;
  };
}

describe("a join code", () => {
  it("reads what it writes, and nothing else", () => {
    expect(parseJoinCode(formatJoinCode(code))).toEqual(code);
    for (const text of [
      "",
      "acme",
      `${formatJoinCode(code)}x`,
      `${formatJoinCode(code)}\n`,
      `A${formatJoinCode(code)}`,
    ]) {
      expect(parseJoinCode(text)).toBeNull();
    }
  });

  it("admits one connector, once", () => {
    const take = once();
    expect(checkEnrolment("acme", body, 0, take)).toMatchObject({
      ok: true,
      request: { publicKey },
    });
    expect(checkEnrolment("acme", body, 0, take)).toEqual({ ok: false, code: "join_code_refused" });
  });

  it("is refused when expired, for another tenant, network or tier", () => {
    const refused = { ok: false, code: "join_code_refused" };
    expect(checkEnrolment("acme", body, 999, once()).ok).toBe(true);
    expect(checkEnrolment("acme", body, 1_000, once())).toEqual(refused);
    expect(checkEnrolment("other", body, 0, once())).toEqual(refused);
    expect(checkEnrolment("acme", { ...body, network: "office" }, 0, once())).toEqual(refused);
    expect(checkEnrolment("acme", { ...body, tier: "critical" }, 0, once())).toEqual(refused);
  });

  it("is spent by an attempt in the wrong scope, so that scopes cannot be tried out", () => {
    const take = once();
    checkEnrolment("acme", { ...body, tier: "critical" }, 0, take);
    expect(checkEnrolment("acme", body, 0, take).ok).toBe(false);
  });

  it("is not even looked up for a body that is not exactly the documented one", () => {
    const take = (): never => {
      throw new Error("looked up");
    };
    for (const bad of [
      null,
      [],
      {},
      { ...body, extra: 1 },
      { ...body, code: 1 },
      { ...body, tier: "top" },
      { ...body, network: "A b" },
      { ...body, publicKey: { kty: "RSA" } },
      { ...body, publicKey: { ...publicKey, x: "short" } },
    ]) {
      expect(checkEnrolment("acme", bad, 0, take)).toEqual({
        ok: false,
        code: "malformed_request",
      });
    }
  });
});

describe("tunnel keys", () => {
  it("has the thumbprint of RFC 8037, appendix A.3", () => {
    const jwk = readEd25519({
      kty: "OKP",
      crv: "Ed25519",
      x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
      kid: "ignored",
    });
    expect(jwk && thumbprint(jwk)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });

  it("refuses a signature in any other spelling", () => {
    const { jwk } = testKey();
    for (const signature of [
      "",
      "A".repeat(85),
      "A".repeat(87),
      `${"A".repeat(85)}B`,
      "*".repeat(86),
    ]) {
      expect(verifyText(jwk, "text", signature)).toBe(false);
    }
  });
});
