import { sign, verify, type KeyObject } from "node:crypto";
import type { Algorithm } from "../sdk/jwk.ts";

/**
 * The only place that calls the signature primitives. Synchronous `node:crypto` because it is twice
 * as fast as WebCrypto here. Inside workerd Ed25519 and RS256 work the same way, but `{ key,
 * dsaEncoding }` is refused: a host there passes a `Verifier` of its own for ES256.
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
      // JOSE signatures are r ‖ s; OpenSSL's default form is DER.
      return verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature);
    case "RS256":
      return verify("sha256", input, key, signature);
  }
};

/** Everything of ours is signed with Ed25519. */
export type Signer = (key: KeyObject, input: Uint8Array) => Uint8Array;

export const nodeSigner: Signer = (key, input) => sign(null, input, key);
