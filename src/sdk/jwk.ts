import { canonical, isObject, type JsonObject } from "../core/model/json.ts";
import { decodeBase64url } from "./base64url.ts";
import { canonicalAlgorithm } from "./jws.ts";

/** RS256 only ever verifies an identity provider's tokens; nothing of ours is signed with it. */
export const ALGORITHMS = ["EdDSA", "ES256", "RS256"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** A public key and the one algorithm it may be used with. */
export type PublicJwk = {
  readonly kid?: string;
  readonly alg: Algorithm;
} & (
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: string }
);

export interface Jwks {
  readonly keys: readonly PublicJwk[];
}

/** `other`: well formed as far as we can tell, but not a signature key we use. */
export type JwkFault = "malformed" | "secret" | "other";
export type JwkResult =
  | { readonly ok: true; readonly jwk: PublicJwk }
  | { readonly ok: false; readonly fault: JwkFault };

/** A document with any of these was published by mistake: nothing in it can be trusted. */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

const MAX_KID_CHARS = 256;
/** Below 2048 bits an RSA key can be factored; above 8192 one verification is a denial of service. */
const MIN_RSA_BYTES = 256;
const MAX_RSA_BYTES = 1_024;

/** Keeps exactly the members a key needs: whatever else a document says does not travel on. */
export function readPublicJwk(value: unknown): JwkResult {
  if (!isObject(value)) return { ok: false, fault: "malformed" };
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(value, member))) {
    return { ok: false, fault: "secret" };
  }
  const { kid } = value;
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > MAX_KID_CHARS)) {
    return { ok: false, fault: "malformed" };
  }
  if (value["use"] !== undefined && value["use"] !== "sig") return { ok: false, fault: "other" };
  const operations = value["key_ops"];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return { ok: false, fault: "other" };
  }
  return readKeyMaterial(value, kid === undefined ? {} : { kid });
}

function readKeyMaterial(value: JsonObject, named: { readonly kid?: string }): JwkResult {
  const { kty, crv, x, y, n, e } = value;
  const alg = algorithmOf(kty, crv);
  if (alg === null) return { ok: false, fault: "other" };
  const said = canonicalAlgorithm(value["alg"]);
  if (value["alg"] !== undefined && said !== alg) return { ok: false, fault: "other" };
  if (alg === "EdDSA" && isBytes(x, 32)) {
    return { ok: true, jwk: { kty: "OKP", crv: "Ed25519", x, alg, ...named } };
  }
  if (alg === "ES256" && isBytes(x, 32) && isBytes(y, 32)) {
    return { ok: true, jwk: { kty: "EC", crv: "P-256", x, y, alg, ...named } };
  }
  if (alg === "RS256" && typeof n === "string" && e === "AQAB" && isSoundModulus(n)) {
    return { ok: true, jwk: { kty: "RSA", n, e, alg, ...named } };
  }
  return { ok: false, fault: "malformed" };
}

function algorithmOf(kty: unknown, crv: unknown): Algorithm | null {
  if (kty === "OKP" && crv === "Ed25519") return "EdDSA";
  if (kty === "EC" && crv === "P-256") return "ES256";
  if (kty === "RSA" && crv === undefined) return "RS256";
  return null;
}

/** What RFC 7638 hashes: the required members only, in RFC 8785 form. */
export function thumbprintInput(jwk: PublicJwk): string {
  switch (jwk.kty) {
    case "OKP":
      return canonical({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
    case "EC":
      return canonical({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
    case "RSA":
      return canonical({ e: jwk.e, kty: jwk.kty, n: jwk.n });
  }
}

function isBytes(value: unknown, length: number): value is string {
  return typeof value === "string" && decodeBase64url(value)?.length === length;
}

function isSoundModulus(n: string): boolean {
  const bytes = decodeBase64url(n);
  if (bytes === null || bytes[0] === 0) return false;
  if (bytes.length < MIN_RSA_BYTES || bytes.length > MAX_RSA_BYTES) return false;
  return !hasRocaFingerprint(bytes);
}

/**
 * CVE-2017-15361: a smart-card library made primes of the form k·M + 65537^a mod M, which can be
 * factored. Such a modulus is a power of 65537 modulo every small prime; a sound one is so by
 * chance in one of 2^27 cases.
 */
function hasRocaFingerprint(modulus: Uint8Array): boolean {
  return ROCA_PRIMES.every((prime) => {
    let rest = 0;
    for (const byte of modulus) rest = (rest * 256 + byte) % prime;
    for (let power = 1, step = 0; step < prime; step++) {
      if (power === rest) return true;
      power = (power * (65_537 % prime)) % prime;
    }
    return false;
  });
}

const ROCA_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/** A set with more is not meant for us, and each key costs a parse. */
const MAX_KEYS = 64;

export type JwksFault = "malformed" | "secret" | "duplicate_kid" | "too_many" | "empty";
export type JwksResult =
  | { readonly ok: true; readonly keys: readonly PublicJwk[] }
  | { readonly ok: false; readonly fault: JwksFault };

/**
 * Providers publish keys for other purposes too: those are skipped. A secret or an ambiguous `kid`
 * in the same set is a mistake we do not choose a way through.
 */
export function readJwks(value: unknown, accepted: readonly Algorithm[]): JwksResult {
  const listed = isObject(value) ? value["keys"] : undefined;
  if (!Array.isArray(listed)) return { ok: false, fault: "malformed" };
  if (listed.length > MAX_KEYS) return { ok: false, fault: "too_many" };
  const keys: PublicJwk[] = [];
  const kids = new Set<string>();
  for (const one of listed) {
    const read = readPublicJwk(one);
    if (!read.ok && read.fault === "secret") return { ok: false, fault: "secret" };
    const kid: unknown = isObject(one) ? one["kid"] : undefined;
    if (typeof kid === "string") {
      if (kids.has(kid)) return { ok: false, fault: "duplicate_kid" };
      kids.add(kid);
    }
    if (read.ok && accepted.includes(read.jwk.alg)) keys.push(read.jwk);
  }
  return keys.length === 0 ? { ok: false, fault: "empty" } : { ok: true, keys };
}
