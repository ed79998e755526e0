import { type Ed25519Jwk, thumbprint, verifyText } from "./keys.ts";

/**
 * One key of the gateway names its successor, while it is still good. Such statements are kept when
 * both keys are long gone: a connector that was away finds from the key it pinned to the one of now.
 */
export interface Voucher {
  /** `x` of the key that signs this. */
  readonly from: string;
  /** `x` of the key that it names. */
  readonly to: string;
  /** Ed25519, base64url, over `voucherText`. */
  readonly signature: string;
}

/** A challenge must fit into a frame of the handshake with all of them. */
export const MAX_VOUCHERS = 16;

/** Line breaks, as in a handshake: no JWS signing input has one, so it can never pass for a token. */
export function voucherText(tenant: string, from: string, to: string): string {
  return ["postern-key", "1", tenant, thumbprint(jwkOf(from)), thumbprint(jwkOf(to))].join("\n");
}

export function jwkOf(x: string): Ed25519Jwk {
  return { kty: "OKP", crv: "Ed25519", x };
}

/**
 * The key named `kid`, if it is trusted or a trusted one leads to it. That gives nobody more than
 * they had: whoever holds a key that is trusted can already be the gateway.
 */
export function trustedKey(
  tenant: string,
  trusted: Iterable<Ed25519Jwk>,
  chain: readonly Voucher[],
  kid: string,
): Ed25519Jwk | null {
  const keys = new Map([...trusted].map((key) => [key.x, key]));
  for (const { from, to, signature } of chain) {
    const signer = keys.get(from);
    if (signer === undefined || keys.has(to)) continue;
    if (verifyText(signer, voucherText(tenant, from, to), signature)) keys.set(to, jwkOf(to));
  }
  return [...keys.values()].find((key) => thumbprint(key) === kid) ?? null;
}
