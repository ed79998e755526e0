import type { KeyRing } from "../sdk/key-cache.ts";
import { isObject, type JsonObject } from "../core/model/json.ts";
import { digestOf } from "./digest.ts";
import type { VerifyKey } from "./keys.ts";
import { type HumanFault, type IdpConfig, verifyHumanAssertion } from "./oidc.ts";
import { ASSERTION_SKEW_S, readSeconds } from "./times.ts";

/** How humans sign in to decide: a client of its own, so that a token for one thing is none for the other. */
export interface ApprovalsConfig {
  /** Our client id for approvals; never the one that opens workflows. */
  readonly audience: string;
  /** Age of the sign-in that a decision may rest on. */
  readonly maxAgeSeconds: number;
}

/** Looking is not deciding: the sign-in may be this old. */
const VIEW_AGE_S = 900;
/** Of an ID token; more is a mistake of the provider. */
const MAX_GROUPS = 500;
const MAX_GROUP_CHARS = 256;

export interface Approver {
  readonly issuer: string;
  readonly subject: string;
  readonly groups: readonly string[];
  /** Digest under which the sign-in is spent: it decides once. */
  readonly id: string;
  readonly forgetAt: number;
}

export type ApproverFault = HumanFault | "sign_in_too_old" | "nonce_mismatch";

/** `nonce` of the sign-in that decides: what it is good for stands in what the provider signs. */
export function decisionNonce(verdict: "approve" | "reject", kind: string, digest: string): string {
  return `${verdict}:${kind}:${digest}`;
}

/**
 * A human who signed in for this, just now. `nonce` null: only to look. `auth_time` says when the
 * person was there; `iat` would say when a machine asked (OpenID Connect Core §2).
 */
export function verifyApprover(
  token: string,
  idp: IdpConfig,
  approvals: ApprovalsConfig,
  ring: KeyRing<VerifyKey>,
  now: number,
  nonce: string | null,
):
  | { readonly ok: true; readonly approver: Approver }
  | { readonly ok: false; readonly fault: ApproverFault } {
  const verified = verifyHumanAssertion(token, { ...idp, audience: approvals.audience }, ring, now);
  if (!verified.ok) return verified;
  const { issuer, subject, claims, id, forgetAt } = verified.assertion;
  const signedIn = readSeconds(claims["auth_time"]);
  if (signedIn === null) return { ok: false, fault: "claims_invalid" };
  const age = now / 1_000 - signedIn;
  const most = nonce === null ? VIEW_AGE_S : approvals.maxAgeSeconds;
  if (age < -ASSERTION_SKEW_S || age > most) return { ok: false, fault: "sign_in_too_old" };
  if (nonce !== null && !sameText(claims["nonce"], nonce)) {
    return { ok: false, fault: "nonce_mismatch" };
  }
  const groups = groupsOf(claims);
  if (groups === null) return { ok: false, fault: "claims_invalid" };
  return { ok: true, approver: { issuer, subject, groups, id, forgetAt } };
}

/** By digest, so that the time it takes says nothing of what was wanted. */
function sameText(given: unknown, wanted: string): boolean {
  return typeof given === "string" && digestOf("nonce", given) === digestOf("nonce", wanted);
}

/**
 * Null: not all of them are here. Under a rule that forbids by group, a group that is left out would
 * let a human approve (P2). A provider with too many for a token says so by `_claim_names` (OpenID
 * Connect Core §5.6.2).
 */
function groupsOf(claims: JsonObject): readonly string[] | null {
  const { groups, _claim_names: elsewhere } = claims;
  if (elsewhere !== undefined && !(isObject(elsewhere) && !Object.hasOwn(elsewhere, "groups"))) {
    return null;
  }
  if (groups === undefined) return [];
  if (!Array.isArray(groups) || groups.length > MAX_GROUPS) return null;
  const sound = (one: unknown): one is string =>
    typeof one === "string" && one.length <= MAX_GROUP_CHARS;
  return groups.every(sound) ? groups : null;
}
