import { sign, verify, type KeyObject } from "node:crypto";
import type { Algorithm } from "../sdk/jwk.ts";

/**
 * The only place that calls the signature primitives. Synchronous `node:crypto` because it is twice
 * as fast as WebCrypto here.
 */
export type Verifier = (
  alg: Algorithm,
  key: KeyObject,
  input: Uint8Array,
  signature: Uint8Array,
) => boolean;

export const nodeVerifier: Verifier = (alg, key, input, signature) => {
  switch (alg) {
    case "EdDSA":
      return verify(null, input, key, signature);
    case "ES256":
      return signature.length === P256_BYTES && verify("sha256", input, key, derOf(signature));
    case "RS256":
      return verify("sha256", input, key, signature);
  }
};

const P256_BYTES = 64;

/**
 * JOSE signatures are r ‖ s, OpenSSL's default form is DER. Node would convert by itself, but workerd
 * refuses to be asked for it.
 */
function derOf(signature: Uint8Array): Uint8Array {
  const half = P256_BYTES / 2;
  const r = integerOf(signature.subarray(0, half));
  const s = integerOf(signature.subarray(half));
  return Uint8Array.of(0x30, r.length + s.length, ...r, ...s);
}

/** The shortest form that is not negative: DER knows no other. */
function integerOf(bytes: Uint8Array): readonly number[] {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const value = [...bytes.subarray(at)];
  const positive = value[0]! >= 0x80 ? [0, ...value] : value;
  return [0x02, positive.length, ...positive];
}

/** Everything of ours is signed with Ed25519. */
export type Signer = (key: KeyObject, input: Uint8Array) => Uint8Array;

export const nodeSigner: Signer = (key, input) => sign(null, input, key);
