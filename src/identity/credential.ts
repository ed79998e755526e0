import { findKey, type KeyRing } from "../sdk/key-cache.ts";
import { parseJws } from "../sdk/jws.ts";
import type { JsonObject } from "../core/model/json.ts";
import { MAX_LIFE_MS } from "../core/session/limits.ts";
import { sha256Hex } from "./digest.ts";
import { signJwt, verifyJwt, type JwsFault } from "./jws.ts";
import type { SigningKey, VerifyKey } from "./keys.ts";
import { Lru } from "./lru.ts";
import { readSeconds } from "./times.ts";

/** RFC 9068. */
export const CREDENTIAL_TYPE = "at+jwt";
/** Seconds. Short, so that a seat has to come back and be looked at again. */
export const MAX_CREDENTIAL_LIFE_S = 15 * 60;

/** The claims of a workflow credential; docs/protocol/tokens.md. */
export interface CredentialClaims {
  readonly iss: string;
  readonly aud: string;
  /** The human: tenant-keyed pseudonym. */
  readonly sub: string;
  /** The agent. */
  readonly client_id: string;
  readonly tenant: string;
  readonly workflow: string;
  readonly seat: string;
  readonly cnf: { readonly jkt: string };
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
}

/** Who asks, as proven by credential and proof. */
export interface Caller {
  readonly tenant: string;
  readonly workflow: string;
  readonly seat: string;
  readonly agent: string;
  readonly human: string;
  readonly jkt: string;
}

/** What one tenant's credentials are made and judged by. */
export interface CredentialContext {
  readonly tenant: string;
  /** `<public url>/<tenant>` */
  readonly issuer: string;
  /** `<public url>/<tenant>/mcp`: RFC 8707 resource, RFC 9728 identifier. */
  readonly resource: string;
  /** The keys that are believed at this moment. */
  ring(use: CredentialUse): KeyRing<VerifyKey>;
  /** Good credentials by the SHA-256 of the whole token. */
  readonly cache: Lru<KnownCredential>;
}

/** What is shown with every request, or once more to get the next one. */
export type CredentialUse = "request" | "renewal";

/** A signature that was good once is good as long as its key is. */
export interface KnownCredential {
  readonly kid: string | null;
  readonly claims: CredentialClaims;
}

/** Live credentials of one tenant that skip the signature; a miss costs 80 µs. */
const MAX_CACHED = 10_000;

export function createCredentialContext(
  context: Omit<CredentialContext, "cache">,
): CredentialContext {
  return { ...context, cache: new Lru(MAX_CACHED) };
}

export interface CredentialGrant extends Caller {
  readonly jti: string;
  /** Milliseconds. */
  readonly now: number;
  /** Milliseconds: the end of the seat; the credential never outlives it. */
  readonly seatExpiresAt: number;
}

export interface MintedCredential {
  readonly token: string;
  readonly expiresIn: number;
}

/** Null: the seat ends within this second, so there is nothing left to grant. */
export function mintCredential(
  grant: CredentialGrant,
  context: Pick<CredentialContext, "issuer" | "resource">,
  key: SigningKey,
): MintedCredential | null {
  const iat = Math.floor(grant.now / 1_000);
  const exp = Math.min(iat + MAX_CREDENTIAL_LIFE_S, Math.floor(grant.seatExpiresAt / 1_000));
  if (exp <= iat) return null;
  const claims: CredentialClaims = {
    iss: context.issuer,
    aud: context.resource,
    sub: grant.human,
    client_id: grant.agent,
    tenant: grant.tenant,
    workflow: grant.workflow,
    seat: grant.seat,
    cnf: { jkt: grant.jkt },
    iat,
    exp,
    jti: grant.jti,
  };
  return { token: signJwt(CREDENTIAL_TYPE, claims, key), expiresIn: exp - iat };
}

export type CredentialFault =
  | JwsFault
  | "claims_invalid"
  | "issuer_mismatch"
  | "audience_mismatch"
  | "tenant_mismatch"
  | "life_too_long"
  | "not_yet_valid"
  | "expired";

export type CredentialResult =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly fault: CredentialFault };

/** `now` in milliseconds; no skew, since the clock that minted it is this one. */
export function verifyCredential(
  token: string,
  context: CredentialContext,
  now: number,
): CredentialResult {
  return verifyWithin(token, context, now, "request");
}

/**
 * As the subject of a renewal a credential only says which seat: assertion and proof say who asks,
 * and the session whether the seat still lives. So an agent that slept, or crashed, can come back.
 */
export function verifyForRenewal(
  token: string,
  context: CredentialContext,
  now: number,
): CredentialResult {
  return verifyWithin(token, context, now, "renewal");
}

const GRACE_S: { readonly [use in CredentialUse]: number } = {
  request: 0,
  renewal: MAX_LIFE_MS / 1_000,
};

/**
 * Whose good credential this is among other tenants', by the key it names; null: nobody's. Asked only
 * about what this tenant has refused, and never told to whoever presents it (P7).
 */
export function ownerElsewhere(
  token: string,
  others: Iterable<CredentialContext>,
  now: number,
): Caller | null {
  const parsed = parseJws(token, [CREDENTIAL_TYPE]);
  const kid = parsed.ok ? parsed.jws.kid : null;
  if (kid === null) return null;
  for (const context of others) {
    if (findKey(context.ring("request"), kid) === undefined) continue;
    const credential = verifyCredential(token, context, now);
    if (credential.ok) return credential.caller;
  }
  return null;
}

/**
 * The workflow of a credential that was good once; null: of none that is known. Says in which line a
 * request waits before it is verified, and nothing more.
 */
export function knownWorkflow(
  token: string,
  { cache }: Pick<CredentialContext, "cache">,
): string | null {
  return cache.get(sha256Hex(token))?.claims.workflow ?? null;
}

function verifyWithin(
  token: string,
  context: CredentialContext,
  now: number,
  use: CredentialUse,
): CredentialResult {
  const id = sha256Hex(token);
  const ring = context.ring(use);
  let known = context.cache.get(id);
  if (known === undefined) {
    const verified = verifyJwt(token, [CREDENTIAL_TYPE], ring);
    if (!verified.ok) return verified;
    const read = readClaims(verified.claims);
    if (read === null) return no("claims_invalid");
    known = { kid: verified.jws.kid, claims: read };
  } else if (findKey(ring, known.kid) === undefined) {
    // Its key was locked, or its time is over: that it was good once counts for nothing.
    return no("key_unknown");
  }
  const { claims } = known;
  const fault = judge(claims, context, now / 1_000, GRACE_S[use]);
  if (fault !== null) return no(fault);
  context.cache.set(id, known);
  return {
    ok: true,
    caller: {
      tenant: claims.tenant,
      workflow: claims.workflow,
      seat: claims.seat,
      agent: claims.client_id,
      human: claims.sub,
      jkt: claims.cnf.jkt,
    },
  };
}

/** On every request, cached or not: time passes, and P7 is asserted again on the way in. */
function judge(
  claims: CredentialClaims,
  context: CredentialContext,
  seconds: number,
  graceSeconds: number,
): CredentialFault | null {
  if (claims.iss !== context.issuer) return "issuer_mismatch";
  if (claims.aud !== context.resource) return "audience_mismatch";
  if (claims.tenant !== context.tenant) return "tenant_mismatch";
  if (claims.exp - claims.iat > MAX_CREDENTIAL_LIFE_S) return "life_too_long";
  if (claims.iat > seconds) return "not_yet_valid";
  if (claims.exp + graceSeconds <= seconds) return "expired";
  return null;
}

function readClaims(claims: JsonObject): CredentialClaims | null {
  const { iss, aud, sub, client_id, tenant, workflow, seat, cnf, jti } = claims;
  const iat = readSeconds(claims["iat"]);
  const exp = readSeconds(claims["exp"]);
  const jkt = typeof cnf === "object" && cnf !== null && "jkt" in cnf ? cnf.jkt : undefined;
  if (typeof iss !== "string" || typeof aud !== "string" || typeof sub !== "string") return null;
  if (typeof client_id !== "string" || typeof tenant !== "string") return null;
  if (typeof workflow !== "string" || typeof seat !== "string") return null;
  if (typeof jkt !== "string" || typeof jti !== "string") return null;
  if (iat === null || exp === null) return null;
  return { iss, aud, sub, client_id, tenant, workflow, seat, cnf: { jkt }, iat, exp, jti };
}

function no(fault: CredentialFault): CredentialResult {
  return { ok: false, fault };
}
