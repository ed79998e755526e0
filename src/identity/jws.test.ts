import { describe, expect, it } from "vitest";
import { encode, forge, mutations, testKey } from "../sdk/testing.ts";
import { generatePrivateJwk, importKeys, importSigningKey, ringOf } from "./keys.ts";
import { signJwt, verifyJws, verifyJwt } from "./jws.ts";

const signing = importSigningKey({ ...generatePrivateJwk() });
const ring = ringOf([signing]);
const good = signJwt("at+jwt", { sub: "dana" }, signing);

function faultOf(token: string): string {
  const result = verifyJwt(token, ["at+jwt"], ring);
  return result.ok ? "none" : result.fault;
}

describe("a signed JWT", () => {
  it("verifies under its key and gives its claims", () => {
    expect(verifyJwt(good, ["at+jwt"], ring)).toMatchObject({ ok: true, claims: { sub: "dana" } });
  });

  it("has typ, alg and kid in its header and nothing else", () => {
    const header: unknown = JSON.parse(
      Buffer.from(good.split(".")[0] ?? "", "base64url").toString(),
    );
    expect(header).toEqual({ typ: "at+jwt", alg: "EdDSA", kid: signing.kid });
  });

  it("is refused with any single character changed, left out or added", () => {
    for (let at = 0; at < good.length; at++) {
      for (const bad of mutations(good, at)) {
        if (verifyJwt(bad, ["at+jwt"], ring).ok) expect.fail(`changed at ${at}`);
      }
    }
  });

  it("is refused with a bit of the signature flipped", () => {
    const [head = "", body = "", tail = ""] = good.split(".");
    for (let bit = 0; bit < 512; bit++) {
      const bytes = Buffer.from(tail, "base64url");
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(faultOf(`${head}.${body}.${bytes.toString("base64url")}`)).toBe("signature_invalid");
    }
  });
});

describe("a JWS is refused", () => {
  const rsa = testKey("RS256", "rsa");
  const ec = testKey("ES256", "ec");
  const imported = importKeys({ keys: [rsa.jwk, ec.jwk] }, ["RS256", "ES256"]);
  if (!imported.ok) throw new Error("test keys");

  function verdict(token: string): string {
    const result = imported.ok && verifyJws(token, ["JWT"], imported.ring);
    return result && result.ok ? "none" : result ? result.fault : "";
  }

  it("when its algorithm is not the one of the key it names", () => {
    expect(verdict(forge({ alg: "RS256", typ: "JWT", kid: "rsa" }, {}, rsa))).toBe("none");
    expect(verdict(forge({ alg: "ES256", typ: "JWT", kid: "ec" }, {}, ec))).toBe("none");
    for (const alg of ["none", "None", "HS256", "PS256", "RS384", "RS512", "ES256", "EdDSA"]) {
      expect(verdict(forge({ alg, typ: "JWT", kid: "rsa" }, {}, rsa))).toBe("algorithm_refused");
    }
    expect(verdict(forge({ alg: "RS256", typ: "JWT", kid: "ec" }, {}, rsa))).toBe(
      "algorithm_refused",
    );
  });

  it("when a DER signature stands where r ‖ s belongs", () => {
    const token = forge({ alg: "ES256", typ: "JWT", kid: "ec" }, {}, { ...ec, alg: "RS256" });
    expect(verdict(token)).toBe("signature_invalid");
  });

  it("when it names no key and there are two", () => {
    expect(verdict(forge({ alg: "ES256", typ: "JWT" }, {}, ec))).toBe("key_unknown");
  });

  it("when its kid is a name that objects have by nature", () => {
    for (const kid of ["__proto__", "constructor", "toString", "ec ", "EC"]) {
      expect(verdict(forge({ alg: "ES256", typ: "JWT", kid }, {}, ec))).toBe("key_unknown");
    }
  });

  it("when its payload is no object of claims", () => {
    for (const payload of ["[]", "null", "7", "{", '{"a":1,"a":2}', '{"__proto__":{}}', ""]) {
      const token = forge({ alg: "EdDSA", typ: "at+jwt", kid: signing.kid }, payload, {
        ...testKey(),
        privateKey: signing.key,
      });
      expect(faultOf(token)).toBe("payload_malformed");
    }
  });

  it("when a foreign signature is pasted onto it", () => {
    const other = signJwt("at+jwt", { sub: "eve" }, signing);
    const [head] = good.split(".");
    expect(faultOf(`${head}.${encode({ sub: "dana" })}.${other.split(".")[2]}`)).toBe(
      "signature_invalid",
    );
  });
});
