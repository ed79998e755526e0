import { findKey, KeyCache, type KeyRing } from "./key-cache.ts";
import { fetchJson } from "./fetch-json.ts";
import { readJwks, type Algorithm, type PublicJwk } from "./jwk.ts";
import type { JwsFault, ParsedJws } from "./jws.ts";
import { utf8 } from "./hash.ts";

/** What may sign a call token. */
const CALL_TOKEN_ALGORITHMS: readonly Algorithm[] = ["EdDSA", "ES256"];

interface VerifyKey {
  readonly alg: Algorithm;
  readonly key: CryptoKey;
}

/** Where a verifier looks a `kid` up. Null: no keys can be had now. */
export interface KeySource {
  ringFor(kid: string | null, now: number): Promise<KeyRing<VerifyKey> | null>;
}

/** A fixed set, for example the one a connector got when it was enrolled. */
export function fixedKeys(jwks: unknown): KeySource {
  let ring: Promise<KeyRing<VerifyKey> | null> | undefined;
  return { ringFor: () => (ring ??= importRing(jwks)) };
}

/** A published set, cached, asked for again when an unknown `kid` turns up (at most every 30 s). */
export function remoteKeys(url: string, fetcher: typeof fetch = fetch): KeySource {
  return new KeyCache(async () => {
    const answer = await fetchJson(url, fetcher);
    return answer.ok ? await importRing(answer.value) : null;
  });
}

async function importRing(jwks: unknown): Promise<KeyRing<VerifyKey> | null> {
  const read = readJwks(jwks, CALL_TOKEN_ALGORITHMS);
  if (!read.ok) return null;
  const byKid = new Map<string, VerifyKey>();
  for (const jwk of read.keys) {
    const key = await importKey(jwk);
    if (jwk.kid !== undefined && key !== null) byKid.set(jwk.kid, { alg: jwk.alg, key });
  }
  // Our own tokens always name their key: no fallback to "the only one".
  return { byKid, only: null };
}

async function importKey(jwk: PublicJwk): Promise<CryptoKey | null> {
  const algorithm = jwk.alg === "EdDSA" ? "Ed25519" : { name: "ECDSA", namedCurve: "P-256" };
  const { alg: _pinned, kid: _kid, ...material } = jwk;
  try {
    return await crypto.subtle.importKey("jwk", material, algorithm, false, ["verify"]);
  } catch {
    // For example a point that is not on the curve.
    return null;
  }
}

/** Null: the signature is good. The algorithm comes from the key, never from the token alone. */
export async function checkSignature(
  jws: ParsedJws,
  ring: KeyRing<VerifyKey>,
): Promise<JwsFault | null> {
  const found = jws.kid === null ? undefined : findKey(ring, jws.kid);
  if (found === undefined) return "key_unknown";
  if (jws.alg !== found.alg) return "algorithm_refused";
  const algorithm = found.alg === "EdDSA" ? "Ed25519" : { name: "ECDSA", hash: "SHA-256" };
  const good = await crypto.subtle.verify(
    algorithm,
    found.key,
    jws.signature,
    utf8(jws.signingInput),
  );
  return good ? null : "signature_invalid";
}
