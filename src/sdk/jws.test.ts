import { describe, expect, it } from "vitest";
import { JWS_FAULTS, MAX_TOKEN_CHARS, parseClaims, parseJws } from "./jws.ts";
import { encode, forge, testKey } from "./testing.ts";

const key = testKey();
const header = { alg: "EdDSA", typ: "at+jwt", kid: "k" };

function faultOf(token: string, types: readonly (string | null)[] = ["at+jwt"]): string {
  const parsed = parseJws(token, types);
  return parsed.ok ? "none" : parsed.fault;
}

describe("parsing a JWS", () => {
  it("gives header members, payload and what was signed", () => {
    const token = forge(header, { sub: "dana" }, key);
    const parsed = parseJws(token, ["at+jwt"]);
    expect(parsed).toMatchObject({
      ok: true,
      jws: {
        alg: "EdDSA",
        typ: "at+jwt",
        kid: "k",
        signingInput: token.slice(0, token.lastIndexOf(".")),
      },
    });
  });

  it("has these faults and no others", () => {
    expect(JWS_FAULTS).toEqual([
      "too_large",
      "malformed",
      "header_refused",
      "type_refused",
      "algorithm_refused",
      "key_unknown",
      "signature_invalid",
      "payload_malformed",
    ]);
  });

  it.each([
    ["empty", ""],
    ["one part", "abc"],
    ["two parts", "e30.e30"],
    ["four parts", "e30.e30.AA.AA"],
    ["five parts, as JWE has", "e30.e30.AA.AA.AA"],
    ["JSON serialisation", JSON.stringify({ payload: "e30", signatures: [] })],
    ["no signature", `${encode(header)}.e30.`],
    ["header not base64url", `!${encode(header)}.e30.AA`],
    ["header not JSON", `${encode("{")}.e30.AA`],
    ["header a list", `${encode("[]")}.e30.AA`],
    ["header with a BOM", `${encode("\ufeff" + JSON.stringify(header))}.e30.AA`],
    ["padding", `${encode(header)}.e30=.AA`],
    ["trailing bits", `${encode(header)}.e30.AB`],
    ["white space around", ` ${encode(header)}.e30.AA`],
  ])("refuses %s", (_name, token) => {
    expect(faultOf(token)).toBe("malformed");
  });

  it("refuses a header with a key twice, whichever copy is harmless", () => {
    expect(faultOf(forge('{"alg":"none","typ":"at+jwt","alg":"EdDSA"}', {}, key))).toBe(
      "malformed",
    );
    expect(faultOf(forge('{"alg":"EdDSA","typ":"at+jwt","\\u0061lg":"none"}', {}, key))).toBe(
      "malformed",
    );
    expect(faultOf(forge('{"alg":"EdDSA","typ":"at+jwt","__proto__":{}}', {}, key))).toBe(
      "malformed",
    );
  });

  it("refuses bytes that are not UTF-8 instead of replacing them", () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(parseClaims(bytes)).toBeNull();
  });

  it.each(["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"])(
    "refuses the header member %s",
    (member) => {
      expect(faultOf(forge({ ...header, [member]: [] }, {}, key))).toBe("header_refused");
    },
  );

  it("allows jwk only where a caller names it", () => {
    const token = forge({ ...header, jwk: {} }, {}, key);
    expect(parseJws(token, ["at+jwt"], "jwk").ok).toBe(true);
    expect(parseJws(forge({ ...header, jwk: {}, jku: "u" }, {}, key), ["at+jwt"], "jwk").ok).toBe(
      false,
    );
  });

  it("refuses a type it was not asked for, also in another case or form", () => {
    for (const typ of ["JWT", "AT+JWT", "application/at+jwt", "at+jwt ", 7, undefined]) {
      expect(faultOf(forge({ ...header, typ }, {}, key))).toBe("type_refused");
    }
  });

  it("takes a header without typ only where none is allowed", () => {
    const token = forge({ alg: "EdDSA" }, {}, key);
    expect(faultOf(token, ["JWT", null])).toBe("none");
    expect(faultOf(token, ["JWT"])).toBe("type_refused");
  });

  it("refuses an alg or kid that is no string", () => {
    expect(faultOf(forge({ typ: "at+jwt" }, {}, key))).toBe("algorithm_refused");
    expect(faultOf(forge({ ...header, alg: ["EdDSA"] }, {}, key))).toBe("algorithm_refused");
    expect(faultOf(forge({ ...header, kid: 1 }, {}, key))).toBe("header_refused");
    expect(faultOf(forge({ ...header, kid: "" }, {}, key))).toBe("header_refused");
  });

  it("takes a token of the largest size and refuses one character more", () => {
    const head = `${encode(header)}.`;
    const tail = ".AAAA";
    const room = MAX_TOKEN_CHARS - head.length - tail.length;
    const body = "A".repeat(room - (room % 4));
    const rest = "A".repeat(MAX_TOKEN_CHARS - head.length - body.length - 1);
    expect(faultOf(`${head}${body}.${rest}`)).toBe(rest.length % 4 === 1 ? "malformed" : "none");
    expect(faultOf(`${head}${body}.${rest}A`)).toBe("too_large");
  });
});
