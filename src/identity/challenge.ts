import { OFFERED_ALGORITHMS, type ProofFault } from "./dpop.ts";
import type { CredentialFault } from "./credential.ts";
import type { HeaderFault, RequestFault } from "./request.ts";

/** Error codes of RFC 6750 §3.1 and RFC 9449 §7.1, §9; null where no credential was shown. */
export const CHALLENGE_ERRORS = ["invalid_token", "invalid_dpop_proof", "use_dpop_nonce"] as const;
export type ChallengeError = (typeof CHALLENGE_ERRORS)[number];

export interface Challenge {
  readonly status: 401 | 503;
  readonly error: ChallengeError | null;
  readonly headers: { readonly [name: string]: string };
}

/** What a refused agent request is answered with. */
export function challengeFor(
  fault: RequestFault,
  at: { readonly metadataUrl: string; readonly nonce: string },
): Challenge {
  const error = errorOf(fault);
  if (error === "busy") return { status: 503, error: null, headers: { "retry-after": "1" } };
  return {
    status: 401,
    error,
    headers: {
      "www-authenticate": authenticateHeader(at.metadataUrl, error),
      ...(error === "use_dpop_nonce" && { "dpop-nonce": at.nonce }),
    },
  };
}

/** `Bearer` first with the metadata, as MCP clients look for it; `DPoP` is what we really speak. */
export function authenticateHeader(metadataUrl: string, error: ChallengeError | null): string {
  const dpop = `DPoP algs="${OFFERED_ALGORITHMS.join(" ")}"`;
  const why = error === null ? "" : `, error="${error}"`;
  return `Bearer resource_metadata="${metadataUrl}", ${dpop}${why}`;
}

function errorOf(fault: RequestFault): ChallengeError | "busy" | null {
  switch (fault.of) {
    case "header":
      return HEADER[fault.fault];
    case "credential":
      return CREDENTIAL[fault.fault];
    case "proof":
      return PROOF[fault.fault];
  }
}

const HEADER: Record<HeaderFault, ChallengeError | null> = {
  authorization_missing: null,
  authorization_repeated: "invalid_token",
  // A Bearer credential would be one that anybody can use who sees it.
  scheme_refused: "invalid_token",
  key_mismatch: "invalid_token",
};

/** One code for all: whether a credential is forged, foreign or old is not told to its presenter. */
const CREDENTIAL: Record<CredentialFault, ChallengeError> = {
  too_large: "invalid_token",
  malformed: "invalid_token",
  header_refused: "invalid_token",
  type_refused: "invalid_token",
  algorithm_refused: "invalid_token",
  key_unknown: "invalid_token",
  signature_invalid: "invalid_token",
  payload_malformed: "invalid_token",
  claims_invalid: "invalid_token",
  issuer_mismatch: "invalid_token",
  audience_mismatch: "invalid_token",
  tenant_mismatch: "invalid_token",
  life_too_long: "invalid_token",
  not_yet_valid: "invalid_token",
  expired: "invalid_token",
};

const PROOF: Record<ProofFault, ChallengeError | "busy"> = {
  proof_missing: "invalid_dpop_proof",
  proof_repeated: "invalid_dpop_proof",
  too_large: "invalid_dpop_proof",
  malformed: "invalid_dpop_proof",
  header_refused: "invalid_dpop_proof",
  type_refused: "invalid_dpop_proof",
  algorithm_refused: "invalid_dpop_proof",
  key_unknown: "invalid_dpop_proof",
  key_refused: "invalid_dpop_proof",
  signature_invalid: "invalid_dpop_proof",
  payload_malformed: "invalid_dpop_proof",
  claims_invalid: "invalid_dpop_proof",
  method_mismatch: "invalid_dpop_proof",
  url_mismatch: "invalid_dpop_proof",
  stale: "invalid_dpop_proof",
  nonce_required: "use_dpop_nonce",
  nonce_mismatch: "use_dpop_nonce",
  token_mismatch: "invalid_dpop_proof",
  replayed: "invalid_dpop_proof",
  busy: "busy",
};
