import type { Tier } from "./policy.ts";

/**
 * Every name that draft-ietf-oauth-transaction-tokens, RFC 8693 and our own context give to what a
 * call token says. One module, because the drafts still move. See docs/protocol/tokens.md.
 */
export const CALL_TOKEN_HEADER = "Txn-Token";
export const CALL_TOKEN_TYPE = "txntoken+jwt";

/** Headers that speak of Postern inside the private network: stripped from what a service answers. */
export const POSTERN_HEADERS = [CALL_TOKEN_HEADER.toLowerCase(), "postern-call"] as const;

/** Seconds. Reads are safe to be a little late, effects are not. */
export const READ_TOKEN_LIFE_S = 60;
export const WRITE_TOKEN_LIFE_S = 15;
/** Seconds. Both ends use the gateway's clock, learned with the beat. */
export const CALL_TOKEN_SKEW_S = 2;

export interface CallTokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  /** Single use; never log the token, log this. */
  readonly txn: string;
  /** The human: a tenant-keyed pseudonym. */
  readonly sub: string;
  readonly act: ActClaim;
  /** `tool:<id>` */
  readonly scope: string;
  /** `<connector id>/<session nonce>`: who may present it. */
  readonly req_wl: string;
  readonly tctx: CallContext;
}

/** RFC 8693 §4.1: outermost is the caller, behind it who delegated. */
export interface ActClaim {
  readonly sub: string;
  readonly sub_profile: "ai_agent";
  readonly act?: ActClaim;
}

export interface CallContext {
  readonly tenant: string;
  readonly workflow: string;
  readonly call: string;
  /** Of the destination: a connector of another network or tier refuses. */
  readonly network: string;
  readonly tier: Tier;
  readonly policy_version: string;
  readonly mode: "preview" | "execute";
  /** SHA-256, hex, of the operation. */
  readonly operation: string;
  /** Digest of the approved diff; null without an approval. */
  readonly preview: string | null;
  /** Hash of the admission event. */
  readonly record: string;
  readonly lock_epoch: number;
}

export function toolScope(tool: string): string {
  return `tool:${tool}`;
}

export function presenterOf(connector: string, session: string): string {
  return `${connector}/${session}`;
}
