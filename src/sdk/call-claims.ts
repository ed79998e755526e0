import type { ActClaim, CallContext, CallTokenClaims } from "../core/model/claims.ts";
import { isObject, type JsonObject } from "../core/model/json.ts";
import { TIERS } from "../core/model/policy.ts";

/** Agents behind one call. A longer chain is not ours: delegation depth is capped far below. */
const MAX_CHAIN = 16;
const TOOL_SCOPE = /^tool:([a-z][a-z0-9_]{0,63})$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
const MAX_TEXT_CHARS = 512;

export interface ReadCallClaims {
  readonly claims: CallTokenClaims;
  readonly tool: string;
  readonly chain: readonly string[];
}

/** Null: a claim is missing or has another form than docs/protocol/tokens.md says. */
export function readCallClaims(value: JsonObject | null): ReadCallClaims | null {
  if (value === null) return null;
  const { iss, aud, iat, exp, txn, sub, act, scope, req_wl } = value;
  const tctx = readContext(value["tctx"]);
  const chain = readChain(act);
  const tool = typeof scope === "string" ? TOOL_SCOPE.exec(scope)?.[1] : undefined;
  if (!isText(iss) || !isText(aud) || !isText(txn) || !isText(sub) || !isText(req_wl)) return null;
  if (!isSeconds(iat) || !isSeconds(exp)) return null;
  if (tctx === null || chain === null || tool === undefined) return null;
  const claims: CallTokenClaims = {
    iss,
    aud,
    iat,
    exp,
    txn,
    sub,
    act: chain.act,
    scope: scope as string,
    req_wl,
    tctx,
  };
  return { claims, tool, chain: chain.ids };
}

function readContext(value: unknown): CallContext | null {
  if (!isObject(value)) return null;
  const { tenant, workflow, call, network, policy_version } = value;
  const { mode, operation, preview, record, lock_epoch } = value;
  const tier = TIERS.find((one) => one === value["tier"]);
  if (!isText(tenant) || !isText(workflow) || !isText(call)) return null;
  if (!isText(network) || tier === undefined) return null;
  if (!isDigest(policy_version) || !isDigest(operation) || !isDigest(record)) return null;
  if ((mode !== "preview" && mode !== "execute") || !isSeconds(lock_epoch)) return null;
  if (preview !== null && !isDigest(preview)) return null;
  const about = { operation, preview, record, lock_epoch };
  return { tenant, workflow, call, network, tier, policy_version, mode, ...about };
}

function readChain(value: unknown): { act: ActClaim; ids: readonly string[] } | null {
  const ids: string[] = [];
  for (let at: unknown = value; at !== undefined;) {
    if (!isObject(at) || !isText(at["sub"]) || at["sub_profile"] !== "ai_agent") return null;
    ids.push(at["sub"]);
    if (ids.length > MAX_CHAIN) return null;
    at = at["act"];
  }
  return ids.length === 0 ? null : { act: value as unknown as ActClaim, ids };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_TEXT_CHARS;
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && SHA256_HEX.test(value);
}

/** A whole number that arithmetic on it cannot push out of exactness. */
function isSeconds(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
