import type { JsonObject } from "../core/model/json.ts";
import type { Algorithm } from "../sdk/jwk.ts";
import type { KeyRing } from "../sdk/key-cache.ts";
import { digestOf, hmacHex } from "./digest.ts";
import { parseJws } from "../sdk/jws.ts";
import { verifyJwt, type JwsFault } from "./jws.ts";
import type { VerifyKey } from "./keys.ts";
import { ASSERTION_SKEW_S, readSeconds } from "./times.ts";

/** A tenant's identity provider, from the gateway's own configuration. */
export interface IdpConfig {
  readonly issuer: string;
  /** Our client id there: a token for anybody else says nothing to us. */
  readonly audience: string;
  readonly algorithms: readonly Algorithm[];
}

export interface HumanAssertion {
  readonly issuer: string;
  readonly subject: string;
  /** All claims, for trust edges. Sealed by whoever keeps them. */
  readonly claims: JsonObject;
  /** Digest under which it is spent: it opens one workflow, once. */
  readonly id: string;
  /** Milliseconds; past it the token is refused by its age. */
  readonly forgetAt: number;
}

export type HumanFault =
  | JwsFault
  | "issuer_mismatch"
  | "audience_mismatch"
  | "claims_invalid"
  | "not_yet_valid"
  | "expired";

export type HumanResult =
  | { readonly ok: true; readonly assertion: HumanAssertion }
  | { readonly ok: false; readonly fault: HumanFault };

/** `sub` is at most 255 characters in OpenID Connect Core. */
const MAX_SUBJECT_CHARS = 255;
/** ID tokens say `JWT` or nothing: an access token (`at+jwt`) of the same issuer is not one. */
const ID_TOKEN_TYPES = ["JWT", null] as const;

/** The key id a token names, so that the right keys can be fetched before it is verified. */
export function humanAssertionKid(
  token: string,
):
  | { readonly ok: true; readonly kid: string | null }
  | { readonly ok: false; readonly fault: JwsFault } {
  const parsed = parseJws(token, ID_TOKEN_TYPES);
  return parsed.ok ? { ok: true, kid: parsed.jws.kid } : parsed;
}

/** `now` in milliseconds; `ring` holds keys of the configured algorithms only. */
export function verifyHumanAssertion(
  token: string,
  idp: IdpConfig,
  ring: KeyRing<VerifyKey>,
  now: number,
): HumanResult {
  const verified = verifyJwt(token, ID_TOKEN_TYPES, ring);
  if (!verified.ok) return verified;
  const { claims, jws } = verified;
  if (!(idp.algorithms as readonly string[]).includes(jws.alg)) return no("algorithm_refused");
  const subject = claims["sub"];
  if (claims["iss"] !== idp.issuer) return no("issuer_mismatch");
  if (!isForUs(claims, idp.audience)) return no("audience_mismatch");
  if (typeof subject !== "string" || subject === "" || subject.length > MAX_SUBJECT_CHARS) {
    return no("claims_invalid");
  }
  const iat = readSeconds(claims["iat"]);
  const exp = readSeconds(claims["exp"]);
  const nbf = claims["nbf"] === undefined ? 0 : readSeconds(claims["nbf"]);
  if (iat === null || exp === null || nbf === null) return no("claims_invalid");
  const seconds = now / 1_000;
  if (Math.max(iat, nbf) > seconds + ASSERTION_SKEW_S) return no("not_yet_valid");
  if (exp + ASSERTION_SKEW_S <= seconds) return no("expired");
  return {
    ok: true,
    assertion: {
      issuer: idp.issuer,
      subject,
      claims,
      // What was signed, not the token: an ES256 signature has a second valid spelling (r, n - s).
      id: digestOf("human", jws.signingInput),
      forgetAt: (exp + ASSERTION_SKEW_S) * 1_000,
    },
  };
}

/** Of several audiences we must be one, and `azp` must say that the token was issued to us. */
function isForUs(claims: JsonObject, audience: string): boolean {
  const { aud, azp } = claims;
  if (azp !== undefined && azp !== audience) return false;
  if (typeof aud === "string") return aud === audience;
  if (!Array.isArray(aud) || !aud.includes(audience)) return false;
  return aud.length === 1 || azp === audience;
}

/** How a human appears everywhere: keyed by tenant, so that two tenants cannot compare notes. */
export function humanPseudonym(tenantKey: Uint8Array, issuer: string, subject: string): string {
  return hmacHex(tenantKey, `${issuer}\n${subject}`);
}

function no(fault: HumanFault): HumanResult {
  return { ok: false, fault };
}
