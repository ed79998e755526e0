import {
  verifyCredential,
  type Caller,
  type CredentialContext,
  type CredentialFault,
} from "./credential.ts";
import { verifyProof, type ProofFault, type ProofMemory } from "./dpop.ts";
import { provedKey, type Suspicion } from "./suspicion.ts";

/** One agent request, as far as identity looks at it. */
export interface AgentHttpRequest {
  readonly method: string;
  /** External URL: the configured public URL plus the path, never from the Host header. */
  readonly url: string;
  /** As Fetch gives it: null, or all values joined by `, `. */
  readonly authorization: string | null;
  readonly proof: string | null;
}

export type RequestFault =
  | { readonly of: "header"; readonly fault: HeaderFault }
  | { readonly of: "credential"; readonly fault: CredentialFault }
  | { readonly of: "proof"; readonly fault: ProofFault };

/** `key_mismatch`: a good credential, presented by another key than the one it is bound to. */
export type HeaderFault =
  | "authorization_missing"
  | "authorization_repeated"
  | "scheme_refused"
  | "key_mismatch";

export type RequestResult =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly fault: RequestFault; readonly suspicion?: Suspicion };

/** The scheme is case-insensitive (RFC 9110); what follows has the alphabet of a compact JWS. */
const DPOP_CREDENTIAL = /^dpop ([A-Za-z0-9_.-]+)$/i;

/** Synchronous: the hot path of every surface. `context` is that of the tenant in the path. */
export function authenticateRequest(
  request: AgentHttpRequest,
  context: CredentialContext,
  memory: ProofMemory,
  now: number,
): RequestResult {
  const { authorization } = request;
  if (authorization === null || authorization === "") return header("authorization_missing");
  // Two copies: one part of a system may check the first and another obey the second.
  if (authorization.includes(",")) return header("authorization_repeated");
  const token = credentialOf(authorization);
  if (token === null) return header("scheme_refused");
  const credential = verifyCredential(token, context, now);
  if (!credential.ok) return { ok: false, fault: { of: "credential", fault: credential.fault } };
  const proof = singleProof(request.proof);
  if (!proof.ok) return { ok: false, fault: { of: "proof", fault: proof.fault } };
  const { method, url } = request;
  const proven = verifyProof(proof.value, { method, url, accessToken: token, now }, memory);
  const { caller } = credential;
  if (!proven.ok) {
    const refused = { ok: false, fault: { of: "proof", fault: proven.fault } } as const;
    if (proven.fault !== "replayed") return refused;
    // Credential and proof, as they were seen on a wire: nobody proved to hold the key.
    const code = proven.jkt === caller.jkt ? "token_replayed" : "context_mismatch";
    return { ...refused, suspicion: { code, caller, proved: null } };
  }
  if (proven.jkt !== caller.jkt) {
    const proved = provedKey(proven.jkt);
    return { ...header("key_mismatch"), suspicion: { code: "context_mismatch", caller, proved } };
  }
  return credential;
}

/** Null: not the scheme that we speak. */
export function credentialOf(authorization: string): string | null {
  return DPOP_CREDENTIAL.exec(authorization)?.[1] ?? null;
}

export type SingleProof =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly fault: "proof_missing" | "proof_repeated" };

export function singleProof(value: string | null): SingleProof {
  if (value === null || value === "") return { ok: false, fault: "proof_missing" };
  return value.includes(",") ? { ok: false, fault: "proof_repeated" } : { ok: true, value };
}

function header(fault: HeaderFault): Extract<RequestResult, { ok: false }> {
  return { ok: false, fault: { of: "header", fault } };
}
