import type { JsonObject } from "../core/model/json.ts";
import { parseClaims, parseJws } from "../sdk/jws.ts";
import type { KeyRing } from "../sdk/key-cache.ts";
import { digestOf } from "./digest.ts";
import { verifyJwt, type JwsFault } from "./jws.ts";
import type { VerifyKey } from "./keys.ts";
import { ASSERTION_SKEW_S, readSeconds } from "./times.ts";

/** Seconds. An assertion is made for one request; a long-lived one is a password. */
export const MAX_ASSERTION_LIFE_S = 60;

export interface AgentAssertion {
  readonly agent: string;
  /** Digest under which it is spent. */
  readonly id: string;
  /** Milliseconds; past it the assertion is refused by its age. */
  readonly forgetAt: number;
}

export type AgentFault =
  | JwsFault
  | "agent_unknown"
  | "issuer_mismatch"
  | "audience_mismatch"
  | "claims_invalid"
  | "life_too_long"
  | "not_yet_valid"
  | "expired";

export type AgentResult =
  | { readonly ok: true; readonly assertion: AgentAssertion }
  | { readonly ok: false; readonly fault: AgentFault };

/** Assertion keys of the active bundle: agents → key ring, algorithm pinned per key. */
export type AgentRings = (agent: string) => KeyRing<VerifyKey> | undefined;

const ASSERTION_TYPES = ["JWT", "client-authentication+jwt", null] as const;
const MAX_JTI_CHARS = 256;

/**
 * RFC 7523 `private_key_jwt`. `audiences`: the token endpoint and the issuer of this tenant, so an
 * assertion made for another gateway or tenant is refused here.
 */
export function verifyAgentAssertion(
  token: string,
  rings: AgentRings,
  audiences: readonly string[],
  now: number,
): AgentResult {
  const verified = verifySignedByAgent(token, ASSERTION_TYPES, rings, audiences, now);
  return verified.ok ? { ok: true, assertion: verified.assertion } : verified;
}

/** What every statement of an agent to us has in common; `types` tell them apart. */
export function verifySignedByAgent(
  token: string,
  types: readonly (string | null)[],
  rings: AgentRings,
  audiences: readonly string[],
  now: number,
):
  | { readonly ok: true; readonly assertion: AgentAssertion; readonly claims: JsonObject }
  | { readonly ok: false; readonly fault: AgentFault } {
  const claimed = claimedAgent(token, types);
  if (!claimed.ok) return claimed;
  const ring = rings(claimed.agent);
  if (ring === undefined) return no("agent_unknown");
  const verified = verifyJwt(token, types, ring);
  if (!verified.ok) return verified;
  const { iss, sub, aud, jti } = verified.claims;
  if (iss !== claimed.agent || sub !== claimed.agent) return no("issuer_mismatch");
  // One audience only: an assertion for several servers can be replayed by each at the others.
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (typeof audience !== "string" || !audiences.includes(audience)) return no("audience_mismatch");
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_JTI_CHARS) {
    return no("claims_invalid");
  }
  const iat = readSeconds(verified.claims["iat"]);
  const exp = readSeconds(verified.claims["exp"]);
  const nbf = verified.claims["nbf"] === undefined ? 0 : readSeconds(verified.claims["nbf"]);
  if (iat === null || exp === null || nbf === null) return no("claims_invalid");
  const seconds = now / 1_000;
  if (exp <= iat || exp - iat > MAX_ASSERTION_LIFE_S) return no("life_too_long");
  if (Math.max(iat, nbf) > seconds + ASSERTION_SKEW_S) return no("not_yet_valid");
  if (exp + ASSERTION_SKEW_S <= seconds) return no("expired");
  return {
    ok: true,
    claims: verified.claims,
    assertion: {
      agent: claimed.agent,
      id: digestOf("agent", claimed.agent, jti),
      forgetAt: (exp + ASSERTION_SKEW_S) * 1_000,
    },
  };
}

/** Only to find the keys: nothing else is taken from it before the signature is good. */
function claimedAgent(
  token: string,
  types: readonly (string | null)[],
):
  | { readonly ok: true; readonly agent: string }
  | { readonly ok: false; readonly fault: AgentFault } {
  const parsed = parseJws(token, types);
  if (!parsed.ok) return parsed;
  const iss = parseClaims(parsed.jws.payload)?.["iss"];
  return typeof iss === "string"
    ? { ok: true, agent: iss }
    : { ok: false, fault: "claims_invalid" };
}

function no(fault: AgentFault): { readonly ok: false; readonly fault: AgentFault } {
  return { ok: false, fault };
}
