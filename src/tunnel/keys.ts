import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { canonical, isObject } from "../core/model/json.ts";

/** The only key the tunnel knows. A choice of algorithms would be a choice for an attacker. */
export interface Ed25519Jwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
}

/** 32 bytes in base64url: 43 characters, of which the last carries two zero bits. */
export const KEY_BYTES = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** 64 bytes in base64url, canonical. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;

/** Takes exactly what a key is made of; null for anything else. */
export function readEd25519(value: unknown): Ed25519Jwk | null {
  if (!isObject(value) || value["kty"] !== "OKP" || value["crv"] !== "Ed25519") return null;
  const x = value["x"];
  if (typeof x !== "string" || !KEY_BYTES.test(x)) return null;
  return { kty: "OKP", crv: "Ed25519", x };
}

/** RFC 7638, base64url. */
export function thumbprint(jwk: Ed25519Jwk): string {
  const members = canonical({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
  return createHash("sha256").update(members).digest("base64url");
}

export function signText(key: KeyObject, text: string): string {
  return sign(null, Buffer.from(text), key).toString("base64url");
}

export function privateKey(jwk: Ed25519Jwk & { readonly d: string }): KeyObject {
  return createPrivateKey({ key: { ...jwk }, format: "jwk" });
}

export function verifyText(jwk: Ed25519Jwk, text: string, signature: string): boolean {
  if (!SIGNATURE.test(signature)) return false;
  try {
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
  } catch {
    // Not a point of the curve.
    return false;
  }
}
