import type { CallTokenClaims } from "../core/model/claims.ts";
import type { JwsFault } from "./jws.ts";

/**
 * Why a call token was refused, and the HTTP status a tool answers with. Codes are stable and
 * visible to others; a fault without a line here does not compile.
 */
export const VERIFY_CODES = {
  token_missing: { status: 401, message: "The request carries no Txn-Token header." },
  token_repeated: { status: 401, message: "The request carries more than one Txn-Token header." },
  token_too_large: { status: 401, message: "The call token is larger than any we issue." },
  token_malformed: { status: 401, message: "The call token is not a strict compact JWS." },
  token_header_refused: { status: 401, message: "The token's header holds a member we refuse." },
  token_type_refused: { status: 401, message: "The token is not a transaction token." },
  token_algorithm_refused: { status: 401, message: "The algorithm is not the one of this key." },
  token_key_unknown: { status: 401, message: "No key of the issuer has this key id." },
  token_signature_invalid: { status: 401, message: "The signature does not verify." },
  token_claims_invalid: { status: 401, message: "A claim is missing or has a wrong form." },
  issuer_mismatch: { status: 401, message: "The token is of another issuer." },
  audience_mismatch: { status: 401, message: "The token is for another trust domain." },
  tenant_mismatch: { status: 401, message: "The token is of another tenant." },
  tool_mismatch: { status: 403, message: "The token is for another tool." },
  mode_mismatch: { status: 403, message: "The token is for another mode." },
  presenter_mismatch: { status: 403, message: "The token is for another presenter." },
  operation_mismatch: { status: 403, message: "The token is for another operation." },
  token_not_yet_valid: { status: 401, message: "The token was issued in the future." },
  token_expired: { status: 401, message: "The token has expired." },
  token_life_too_long: { status: 401, message: "The token lives longer than allowed." },
  token_replayed: { status: 401, message: "The token was used before." },
  spent_unavailable: { status: 503, message: "Single use cannot be vouched for now." },
  keys_unavailable: { status: 503, message: "The issuer's keys cannot be had now." },
  body_too_large: { status: 413, message: "The body is larger than this tool accepts." },
  body_unreadable: { status: 400, message: "The body could not be read, or was read before." },
  target_invalid: { status: 400, message: "The request target is not a path." },
} as const satisfies Record<string, { status: number; message: string }>;
export type VerifyCode = keyof typeof VERIFY_CODES;

export interface VerifyRefusal {
  readonly ok: false;
  readonly code: VerifyCode;
  readonly message: string;
  readonly status: number;
  /** The call that the token names, where its signature was good: something to look for in the record. */
  readonly call?: string;
}

/** The three principals and what the gateway decided about this call. */
export interface VerifiedCall {
  readonly ok: true;
  /** Tenant-keyed pseudonym of the human who started the workflow. */
  readonly human: string;
  /** The agent that calls. */
  readonly agent: string;
  /** The caller first, behind it who delegated. */
  readonly chain: readonly string[];
  readonly workflow: string;
  readonly tool: string;
  readonly call: string;
  readonly txn: string;
  readonly policyVersion: string;
  readonly mode: "preview" | "execute";
  readonly claims: CallTokenClaims;
}

export function refusal(code: VerifyCode, call?: string): VerifyRefusal {
  const { status, message } = VERIFY_CODES[code];
  return { ok: false, code, message, status, ...(call !== undefined && { call }) };
}

export const JWS_TO_CODE: Record<JwsFault, VerifyCode> = {
  too_large: "token_too_large",
  malformed: "token_malformed",
  header_refused: "token_header_refused",
  type_refused: "token_type_refused",
  algorithm_refused: "token_algorithm_refused",
  key_unknown: "token_key_unknown",
  signature_invalid: "token_signature_invalid",
  payload_malformed: "token_claims_invalid",
};
