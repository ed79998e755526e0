import { createHash } from "node:crypto";
import { TIERS, type Tier } from "../core/model/policy.ts";
import { isObject } from "../core/model/json.ts";
import { readEd25519, type Ed25519Jwk } from "./keys.ts";

/**
 * `<tenant>.<secret>.<thumbprint>`: who to ask, the right to ask once, and the fingerprint by which
 * the connector knows the gateway. A person carries it from one to the other.
 */
export interface JoinCode {
  readonly tenant: string;
  /** 32 random bytes, base64url. */
  readonly secret: string;
  /** RFC 7638, base64url, of the tenant's call-token key. */
  readonly thumbprint: string;
}

const FORM = /^([a-z][a-z0-9-]{0,31})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;

export function formatJoinCode(code: JoinCode): string {
  return `${code.tenant}.${code.secret}.${code.thumbprint}`;
}

export function parseJoinCode(text: string): JoinCode | null {
  const [, tenant, secret, thumbprint] = FORM.exec(text) ?? [];
  if (tenant === undefined || secret === undefined || thumbprint === undefined) return null;
  return { tenant, secret, thumbprint };
}

/**
 * What the gateway keeps instead of the code. Looking a code up by this digest of 256 random bits
 * tells a clock nothing about the code, so no comparison has to run in constant time.
 */
export function joinCodeHash(code: JoinCode): string {
  return createHash("sha256")
    .update(`postern-join\n${formatJoinCode(code)}`)
    .digest("hex");
}

/** What a code is good for. */
export interface JoinGrant {
  readonly network: string;
  readonly tier: Tier;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface EnrolmentRequest {
  readonly code: JoinCode;
  readonly publicKey: Ed25519Jwk;
  readonly network: string;
  readonly tier: Tier;
}

/** Exactly `{code, publicKey, network, tier}`; null for anything else. */
export function readEnrolment(body: unknown): EnrolmentRequest | null {
  if (!isObject(body) || Object.keys(body).length !== 4) return null;
  const { network } = body;
  const code = typeof body["code"] === "string" ? parseJoinCode(body["code"]) : null;
  const publicKey = readEd25519(body["publicKey"]);
  const tier = TIERS.find((one) => one === body["tier"]);
  if (code === null || publicKey === null || tier === undefined) return null;
  if (typeof network !== "string" || !/^[a-z][a-z0-9-]{0,63}$/.test(network)) return null;
  return { code, publicKey, network, tier };
}

/** One code for every way to be wrong: a guesser learns nothing. */
export type Enrolment =
  | { readonly ok: true; readonly request: EnrolmentRequest }
  | { readonly ok: false; readonly code: "malformed_request" | "join_code_refused" };

/**
 * The gateway's check. `take` removes the code and returns what it was good for, in one atomic
 * step: whatever comes of this attempt, the code is spent, so a scope cannot be found by trying.
 */
export function checkEnrolment(
  tenant: string,
  body: unknown,
  now: number,
  take: (hash: string) => JoinGrant | null,
): Enrolment {
  const request = readEnrolment(body);
  if (request === null) return { ok: false, code: "malformed_request" };
  if (request.code.tenant !== tenant) return { ok: false, code: "join_code_refused" };
  const grant = take(joinCodeHash(request.code));
  if (
    grant === null ||
    now >= grant.expiresAt ||
    grant.network !== request.network ||
    grant.tier !== request.tier
  ) {
    return { ok: false, code: "join_code_refused" };
  }
  return { ok: true, request };
}
