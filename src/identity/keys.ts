import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { encodeBase64url } from "../sdk/base64url.ts";
import {
  readJwks,
  readPublicJwk,
  thumbprintInput,
  type Algorithm,
  type Jwks,
  type JwkFault,
  type JwksFault,
  type PublicJwk,
} from "../sdk/jwk.ts";
import type { KeyRing } from "../sdk/key-cache.ts";

/** One key, one algorithm: a token cannot choose (key confusion). */
export interface VerifyKey {
  readonly alg: Algorithm;
  readonly key: KeyObject;
}

/** Ours: Ed25519, `kid` is the RFC 7638 thumbprint. */
export interface SigningKey {
  readonly kid: string;
  readonly key: KeyObject;
  readonly publicJwk: PublicJwk;
}

/** As stored by the host, wrapped at rest. */
export interface PrivateJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly d: string;
}

export function generatePrivateJwk(): PrivateJwk {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x, d } = privateKey.export({ format: "jwk" });
  if (x === undefined || d === undefined) throw new Error("Ed25519 key without x or d");
  return { kty: "OKP", crv: "Ed25519", x, d };
}

/** Parsed once; signing from a JWK each time would cost more than the signature. */
export function importSigningKey(jwk: JsonWebKey): SigningKey {
  const key = createPrivateKey({ key: { ...jwk }, format: "jwk" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  if (key.asymmetricKeyType !== "ed25519" || x === undefined || x !== jwk.x) {
    throw new Error("not an Ed25519 private key with its own public half");
  }
  return { ...ownKey(x), key };
}

/** RFC 7638, base64url. */
export function thumbprint(jwk: PublicJwk): string {
  return encodeBase64url(createHash("sha256").update(thumbprintInput(jwk)).digest());
}

/** The half of one of our keys that anybody may know. */
export type OwnKey = Pick<SigningKey, "kid" | "publicJwk">;

/** The key that a stored public half is. */
export function ownKey(x: string): OwnKey {
  const bare: PublicJwk = { kty: "OKP", crv: "Ed25519", x, alg: "EdDSA" };
  const kid = thumbprint(bare);
  return { kid, publicJwk: { ...bare, kid } };
}

/** Each with `use: sig`, so that nobody takes it for a key to encrypt to. */
export function publicJwks(keys: readonly OwnKey[]): Jwks {
  return { keys: keys.map(({ publicJwk }) => ({ ...publicJwk, use: "sig" })) };
}

export type ImportKeyResult =
  | { readonly ok: true; readonly jwk: PublicJwk; readonly key: VerifyKey }
  | { readonly ok: false; readonly fault: JwkFault };

export function importPublicKey(value: unknown): ImportKeyResult {
  const read = readPublicJwk(value);
  if (!read.ok) return read;
  const { alg, kid: _kid, ...material } = read.jwk;
  try {
    const key = createPublicKey({ key: { ...material }, format: "jwk" });
    return { ok: true, jwk: read.jwk, key: { alg, key } };
  } catch {
    // For example a point that is not on the curve.
    return { ok: false, fault: "malformed" };
  }
}

export type ImportKeysResult =
  | { readonly ok: true; readonly ring: KeyRing<VerifyKey> }
  | { readonly ok: false; readonly fault: JwksFault };

/** Keys of other algorithms than those accepted are not there at all. */
export function importKeys(jwks: unknown, accepted: readonly Algorithm[]): ImportKeysResult {
  const read = readJwks(jwks, accepted);
  if (!read.ok) return read;
  const byKid = new Map<string, VerifyKey>();
  const nameless: VerifyKey[] = [];
  for (const jwk of read.keys) {
    const imported = importPublicKey(jwk);
    if (!imported.ok) return { ok: false, fault: "malformed" };
    if (jwk.kid === undefined) nameless.push(imported.key);
    else byKid.set(jwk.kid, imported.key);
  }
  const all = [...byKid.values(), ...nameless];
  return { ok: true, ring: { byKid, only: all.length === 1 ? (all[0] ?? null) : null } };
}

/** The public halves of our own keys: `kid` is always required. */
export function ringOf(keys: readonly OwnKey[]): KeyRing<VerifyKey> {
  const byKid = new Map<string, VerifyKey>();
  for (const { kid, publicJwk } of keys) {
    const imported = importPublicKey(publicJwk);
    if (imported.ok) byKid.set(kid, imported.key);
  }
  return { byKid, only: null };
}
