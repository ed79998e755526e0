import {
  CALL_TOKEN_SKEW_S,
  CALL_TOKEN_TYPE,
  READ_TOKEN_LIFE_S,
  type CallTokenClaims,
} from "../core/model/claims.ts";
import { readCallClaims } from "./call-claims.ts";
import { parseClaims, parseJws } from "./jws.ts";
import { checkSignature, type KeySource } from "./keys.ts";
import type { SpentStore } from "./spent.ts";
import {
  JWS_TO_CODE,
  refusal,
  type VerifiedCall,
  type VerifyCode,
  type VerifyRefusal,
} from "./verify-result.ts";

/** What a token must say, whoever presents it. */
export interface ExpectedToken {
  readonly keys: KeySource;
  readonly issuer: string;
  /** The trust domain. */
  readonly audience: string;
  readonly tenant: string;
  /** Milliseconds. A connector passes the gateway's clock, learned with the beat. */
  readonly now: number;
  /** One tool or several. Absent: any (a connector goes by the operation alone). */
  readonly tool?: string | readonly string[];
  /** Absent: `execute` only, so that a preview's token never executes. */
  readonly mode?: "preview" | "execute" | "any";
  /** `<connector id>/<session nonce>`; absent: not checked (a tool behind the connector). */
  readonly presenter?: string;
  /** Seconds; a tool that only writes passes 15. */
  readonly maxLifeSeconds?: number;
}

export interface ExpectedCall extends ExpectedToken {
  /** SHA-256, hex, of the operation about to be executed; see core/model/operation.ts. */
  readonly operation: string;
  readonly spent: SpentStore;
}

export type VerifyCallResult = VerifiedCall | VerifyRefusal;

/** Everything, in the one safe order: what is spent was good in every other respect. */
export async function verifyCallToken(
  token: string,
  expected: ExpectedCall,
): Promise<VerifyCallResult> {
  const checked = await checkToken(token, expected);
  return checked.ok ? spendToken(checked, expected) : checked;
}

/** Signature and claims; neither operation nor single use. */
export async function checkToken(
  token: string,
  expected: ExpectedToken,
): Promise<VerifyCallResult> {
  const parsed = parseJws(token, [CALL_TOKEN_TYPE]);
  if (!parsed.ok) return refusal(JWS_TO_CODE[parsed.fault]);
  const ring = await expected.keys.ringFor(parsed.jws.kid, expected.now);
  if (ring === null) return refusal("keys_unavailable");
  const fault = await checkSignature(parsed.jws, ring);
  if (fault !== null) return refusal(JWS_TO_CODE[fault]);
  const claims = readCallClaims(parseClaims(parsed.jws.payload));
  if (claims === null) return refusal("token_claims_invalid");
  const code = judgeClaims(claims.claims, claims.tool, expected);
  if (code !== null) return refusal(code, claims.claims.tctx.call);
  return {
    ok: true,
    human: claims.claims.sub,
    agent: claims.claims.act.sub,
    chain: claims.chain,
    workflow: claims.claims.tctx.workflow,
    tool: claims.tool,
    call: claims.claims.tctx.call,
    txn: claims.claims.txn,
    policyVersion: claims.claims.tctx.policy_version,
    mode: claims.claims.tctx.mode,
    claims: claims.claims,
  };
}

/** The last two questions: is it this operation, and is it the first time. */
export async function spendToken(
  checked: VerifiedCall,
  expected: { readonly operation: string; readonly spent: SpentStore; readonly now: number },
): Promise<VerifyCallResult> {
  const { call } = checked;
  if (checked.claims.tctx.operation !== expected.operation) {
    return refusal("operation_mismatch", call);
  }
  const forgetAt = (checked.claims.exp + 2 * CALL_TOKEN_SKEW_S) * 1_000;
  const spending = await expected.spent.spend(checked.txn, forgetAt, expected.now);
  if (spending === "fresh") return checked;
  return refusal(spending === "replayed" ? "token_replayed" : "spent_unavailable", call);
}

function judgeClaims(
  claims: CallTokenClaims,
  tool: string,
  expected: ExpectedToken,
): VerifyCode | null {
  const { tctx, iat, exp } = claims;
  const now = expected.now / 1_000;
  const { mode = "execute", maxLifeSeconds = READ_TOKEN_LIFE_S } = expected;
  if (claims.iss !== expected.issuer) return "issuer_mismatch";
  if (claims.aud !== expected.audience) return "audience_mismatch";
  if (tctx.tenant !== expected.tenant) return "tenant_mismatch";
  if (exp - iat > maxLifeSeconds || exp <= iat) return "token_life_too_long";
  if (iat > now + CALL_TOKEN_SKEW_S) return "token_not_yet_valid";
  if (exp + CALL_TOKEN_SKEW_S <= now) return "token_expired";
  if (expected.tool !== undefined && ![expected.tool].flat().includes(tool)) return "tool_mismatch";
  if (mode !== "any" && tctx.mode !== mode) return "mode_mismatch";
  if (expected.presenter !== undefined && claims.req_wl !== expected.presenter) {
    return "presenter_mismatch";
  }
  return null;
}
