import { encodeBase64url } from "./base64url.ts";
import { utf8 } from "./hash.ts";
import { readPublicJwk, type PublicJwk } from "./jwk.ts";

export type SigningAlgorithm = "EdDSA" | "ES256";

/** A private JWK: Ed25519 or P-256, with the `kid` under which the gateway knows its public half. */
export type PrivateKeyJwk = { readonly kid?: string; readonly d: string } & (
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
);

export interface PrivateKey {
  readonly alg: SigningAlgorithm;
  readonly key: CryptoKey;
  readonly publicJwk: PublicJwk;
}

export async function importPrivateKey(
  jwk: PrivateKeyJwk,
  extractable = false,
): Promise<PrivateKey> {
  const { d, ...rest } = jwk;
  const read = readPublicJwk(rest);
  if (!read.ok || read.jwk.alg === "RS256") throw new TypeError("not an Ed25519 or P-256 key");
  const { kid: _kid, alg, ...material } = read.jwk;
  const algorithm = alg === "EdDSA" ? "Ed25519" : { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", { ...material, d }, algorithm, extractable, [
    "sign",
  ]);
  return { alg, key, publicJwk: read.jwk };
}

export async function signCompact(
  header: { readonly typ: string; readonly kid?: string; readonly jwk?: object },
  claims: object,
  { alg, key }: PrivateKey,
): Promise<string> {
  const part = (value: object): string => encodeBase64url(utf8(JSON.stringify(value)));
  const input = `${part({ alg, ...header })}.${part(claims)}`;
  const algorithm = alg === "EdDSA" ? "Ed25519" : { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, key, utf8(input));
  return `${input}.${encodeBase64url(new Uint8Array(signature))}`;
}
