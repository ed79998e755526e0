import type { JsonObject } from "../core/model/json.ts";
import { utf8 } from "../sdk/hash.ts";
import { parseClaims, parseJws, type JwsFault, type ParsedJws } from "../sdk/jws.ts";
import { findKey, type KeyRing } from "../sdk/key-cache.ts";
import type { SigningKey, VerifyKey } from "./keys.ts";
import { nodeSigner, nodeVerifier, type Signer, type Verifier } from "./primitive.ts";

export type { JwsFault } from "../sdk/jws.ts";

export type JwsResult =
  | { readonly ok: true; readonly jws: ParsedJws }
  | { readonly ok: false; readonly fault: JwsFault };

export type JwtResult =
  | { readonly ok: true; readonly jws: ParsedJws; readonly claims: JsonObject }
  | { readonly ok: false; readonly fault: JwsFault };

/** `types`: the allowed values of `typ`, null for a header without one; see sdk/jws.ts. */
export function verifyJws(
  token: string,
  types: readonly (string | null)[],
  ring: KeyRing<VerifyKey>,
  verifier: Verifier = nodeVerifier,
): JwsResult {
  const parsed = parseJws(token, types);
  if (!parsed.ok) return parsed;
  const key = findKey(ring, parsed.jws.kid);
  const fault = key === undefined ? "key_unknown" : checkSignature(parsed.jws, key, verifier);
  return fault === null ? parsed : { ok: false, fault };
}

/** The same for a payload of claims; nobody sees a claim before the signature is good. */
export function verifyJwt(
  token: string,
  types: readonly (string | null)[],
  ring: KeyRing<VerifyKey>,
  verifier: Verifier = nodeVerifier,
): JwtResult {
  const verified = verifyJws(token, types, ring, verifier);
  if (!verified.ok) return verified;
  const claims = parseClaims(verified.jws.payload);
  return claims === null
    ? { ok: false, fault: "payload_malformed" }
    : { ok: true, jws: verified.jws, claims };
}

/** Null: good. The algorithm is the key's, and the token must agree with it. */
export function checkSignature(
  jws: ParsedJws,
  { alg, key }: VerifyKey,
  verifier: Verifier = nodeVerifier,
): JwsFault | null {
  if (jws.alg !== alg) return "algorithm_refused";
  // An ES256 or Ed25519 signature has one length; decoders of longer ones have been attacked.
  if (alg !== "RS256" && jws.signature.length !== 64) return "signature_invalid";
  return verifier(alg, key, utf8(jws.signingInput), jws.signature) ? null : "signature_invalid";
}

export function signJwt(
  typ: string,
  claims: object,
  { kid, key }: SigningKey,
  signer: Signer = nodeSigner,
): string {
  const input = `${encode({ typ, alg: "EdDSA", kid })}.${encode(claims)}`;
  return `${input}.${Buffer.from(signer(key, utf8(input))).toString("base64url")}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
