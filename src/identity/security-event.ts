import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { Algorithm } from "../sdk/jwk.ts";
import { parseJws } from "../sdk/jws.ts";
import type { KeyRing } from "../sdk/key-cache.ts";
import { digestOf } from "./digest.ts";
import { type JwsFault, verifyJwt } from "./jws.ts";
import type { VerifyKey } from "./keys.ts";
import { ASSERTION_SKEW_S, readSeconds } from "./times.ts";

/** Who may send a tenant Security Event Tokens (RFC 8417), from the gateway's own configuration. */
export interface Transmitter {
  readonly issuer: string;
  /** What it calls us. */
  readonly audience: string;
  readonly algorithms: readonly Algorithm[];
  /** Absent: found by discovery from the issuer. */
  readonly jwksUri?: string | undefined;
}

/** Events of CAEP that end what a human started. All others are received, and mean nothing to us. */
const REVOKING = {
  "https://schemas.openid.net/secevent/caep/event-type/session-revoked": "session-revoked",
  "https://schemas.openid.net/secevent/caep/event-type/credential-change": "credential-change",
} as const;
export type RevokingEvent = (typeof REVOKING)[keyof typeof REVOKING];

export interface SecurityEvent {
  /** Digest of issuer and `jti`, under which it is received once. */
  readonly id: string;
  /** Milliseconds; past it the token is refused by its age. */
  readonly forgetAt: number;
  /** Null: no event in it revokes anything. */
  readonly revokes: { readonly type: RevokingEvent; readonly subject: Subject } | null;
}

/** As an identity provider names a human. */
export interface Subject {
  readonly issuer: string;
  readonly subject: string;
}

export const SECURITY_EVENT_FAULTS = [
  "issuer_mismatch",
  "audience_mismatch",
  "claims_invalid",
  "not_yet_valid",
  "too_old",
  "subject_unmapped",
  "subjects_differ",
] as const;
export type SecurityEventFault = JwsFault | (typeof SECURITY_EVENT_FAULTS)[number];

type Result<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly fault: SecurityEventFault };

/** Not `JWT` and not absent: an ID token is no security event, and the other way round. */
const TYPES = ["secevent+jwt"] as const;
/** A transmitter tries again for so long; what is older has nothing left to revoke. */
export const MAX_EVENT_AGE_S = 24 * 60 * 60;
const MAX_ID_CHARS = 255;
/** RFC 8417 allows several about one subject; profiles send one. */
const MAX_EVENTS = 16;

export function securityEventKid(token: string): Result<{ readonly kid: string | null }> {
  const parsed = parseJws(token, TYPES);
  return parsed.ok ? { ok: true, kid: parsed.jws.kid } : parsed;
}

/**
 * `idpIssuer`: who names our humans. A subject that anybody else names, or names by an address that
 * may have changed hands, is nobody we could be sure of: refused, never guessed.
 */
export function verifySecurityEvent(
  token: string,
  transmitter: Transmitter,
  idpIssuer: string,
  ring: KeyRing<VerifyKey>,
  now: number,
): Result<{ readonly event: SecurityEvent }> {
  const verified = verifyJwt(token, TYPES, ring);
  if (!verified.ok) return verified;
  const { claims, jws } = verified;
  if (!(transmitter.algorithms as readonly string[]).includes(jws.alg)) {
    return no("algorithm_refused");
  }
  if (claims["iss"] !== transmitter.issuer) return no("issuer_mismatch");
  const { aud, jti, events, sub } = claims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(transmitter.audience)) return no("audience_mismatch");
  // `sub` would make it look like a token that says who is signed in.
  if (!isId(jti) || sub !== undefined || !isObject(events)) return no("claims_invalid");
  const aged = ageOf(claims, now);
  if (typeof aged === "string") return no(aged);
  const types = Object.keys(events);
  if (types.length === 0 || types.length > MAX_EVENTS) return no("claims_invalid");
  const id = digestOf("event", transmitter.issuer, jti);
  const type = types.flatMap((uri) => revokingType(uri) ?? [])[0];
  if (type === undefined) return { ok: true, event: { id, ...aged, revokes: null } };
  const subject = subjectOf(claims, events, idpIssuer);
  if (typeof subject === "string") return no(subject);
  return { ok: true, event: { id, ...aged, revokes: { type, subject } } };
}

/** RFC 8417 §2.2: `iat` is when it was issued; `exp` is not recommended, and kept where it stands. */
function ageOf(claims: JsonObject, now: number): { forgetAt: number } | SecurityEventFault {
  const iat = readSeconds(claims["iat"]);
  const exp = claims["exp"] === undefined ? Infinity : readSeconds(claims["exp"]);
  const nbf = claims["nbf"] === undefined ? 0 : readSeconds(claims["nbf"]);
  if (iat === null || exp === null || nbf === null) return "claims_invalid";
  const seconds = now / 1_000;
  if (Math.max(iat, nbf) > seconds + ASSERTION_SKEW_S) return "not_yet_valid";
  const end = Math.min(iat + MAX_EVENT_AGE_S, exp) + ASSERTION_SKEW_S;
  return end <= seconds ? "too_old" : { forgetAt: end * 1_000 };
}

function revokingType(uri: string): RevokingEvent | undefined {
  return Object.hasOwn(REVOKING, uri) ? REVOKING[uri as keyof typeof REVOKING] : undefined;
}

/** `sub_id` of the token (RFC 9493), `subject` of an event (earlier drafts); all say the same. */
function subjectOf(
  claims: JsonObject,
  events: JsonObject,
  idpIssuer: string,
): Subject | SecurityEventFault {
  const payloads = Object.values(events);
  if (!payloads.every(isObject)) return "claims_invalid";
  const named = [claims["sub_id"], ...payloads.map((payload) => payload["subject"])];
  const given = named.filter((one): one is Json => one !== undefined);
  if (given.length === 0) return "claims_invalid";
  let found: Subject | null = null;
  for (const one of given) {
    const subject = humanOf(one, idpIssuer);
    if (subject === null) return "subject_unmapped";
    if (found !== null && found.subject !== subject.subject) return "subjects_differ";
    found = subject;
  }
  return found ?? "claims_invalid";
}

/**
 * Of a complex subject (a user's session, a user on a device) the user: we know neither sessions nor
 * devices of theirs, so more ends than was meant, never less.
 */
function humanOf(identifier: Json, idpIssuer: string): Subject | null {
  if (!isObject(identifier)) return null;
  const { format, user } = identifier;
  const one = format === undefined || format === "complex" ? user : identifier;
  if (!isObject(one) || one["format"] !== "iss_sub") return null;
  const { iss, sub } = one;
  return iss === idpIssuer && isId(sub) ? { issuer: idpIssuer, subject: sub } : null;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_ID_CHARS;
}

function no(fault: SecurityEventFault): { readonly ok: false; readonly fault: SecurityEventFault } {
  return { ok: false, fault };
}
