import type { VerifyCode } from "../sdk/verify-result.ts";
import type { ActorFault } from "./actor-token.ts";
import type { AgentFault } from "./client-assertion.ts";
import type { CredentialFault } from "./credential.ts";
import type { ProofFault } from "./dpop.ts";
import type { FormFault } from "./exchange.ts";
import type { OAuthErrorCode } from "./oauth-names.ts";
import type { HumanFault } from "./oidc.ts";

/**
 * From the reasons inside to what a client sees. Exhaustive: a fault without a line does not
 * compile. Descriptions are fixed sentences: nothing from a request ever stands in an answer.
 */
export type ExchangeFault =
  | { readonly of: "form"; readonly fault: FormFault }
  | { readonly of: "proof"; readonly fault: ProofFault }
  | { readonly of: "agent"; readonly fault: AgentFault | "replayed" }
  | { readonly of: "human"; readonly fault: HumanFault | "replayed" | "keys_unavailable" }
  | { readonly of: "seat"; readonly fault: CredentialFault | "agent_mismatch" | "key_mismatch" }
  | { readonly of: "actor"; readonly fault: ActorFault | "replayed" }
  | { readonly of: "call"; readonly fault: VerifyCode };

export interface OAuthError {
  readonly status: 400 | 401 | 413 | 503;
  readonly error: OAuthErrorCode;
  readonly error_description: string;
}

export function toOAuthError(fault: ExchangeFault): OAuthError {
  switch (fault.of) {
    case "form":
      return FORM[fault.fault];
    case "proof":
      return PROOF[fault.fault];
    case "agent":
      return error(401, "invalid_client", AGENT[fault.fault]);
    case "human":
      return fault.fault === "keys_unavailable"
        ? error(503, "temporarily_unavailable", HUMAN[fault.fault])
        : // RFC 8693 §2.2.2: a subject token we do not accept is an invalid request.
          error(400, "invalid_request", HUMAN[fault.fault]);
    case "seat":
      return error(400, "invalid_request", SEAT[fault.fault]);
    case "actor":
      return error(400, "invalid_request", ACTOR[fault.fault]);
    case "call":
      return fault.fault === "keys_unavailable"
        ? error(503, "temporarily_unavailable", "The gateway's keys cannot be had now.")
        : // One sentence for all: a tool has no use for more, and a thief none at all.
          error(400, "invalid_request", "The call token is not one of a call under way.");
  }
}

function error(
  status: OAuthError["status"],
  code: OAuthErrorCode,
  description: string,
): OAuthError {
  return { status, error: code, error_description: description };
}

const FORM: Record<FormFault, OAuthError> = {
  body_too_large: error(413, "invalid_request", "The request body is too large."),
  body_malformed: error(400, "invalid_request", "The request body cannot be read."),
  parameter_repeated: error(400, "invalid_request", "A parameter appears more than once."),
  parameter_missing: error(400, "invalid_request", "A required parameter is missing."),
  human_repeated: error(400, "invalid_request", "Access and subject_token each name a human."),
  grant_type_unsupported: error(400, "unsupported_grant_type", "Only token exchange is offered."),
  token_type_unsupported: error(400, "invalid_request", "The token type is not supported."),
  client_assertion_type_unsupported: error(
    401,
    "invalid_client",
    "Agents authenticate with a JWT assertion (RFC 7523).",
  ),
  resource_mismatch: error(400, "invalid_target", "The resource is not the one of this tenant."),
  details_malformed: error(
    400,
    "invalid_authorization_details",
    "authorization_details is not strict JSON.",
  ),
  details_invalid: error(
    400,
    "invalid_authorization_details",
    "The workflow asked for is not described as documented.",
  ),
};

const badProof = (description: string): OAuthError => error(400, "invalid_dpop_proof", description);
const useNonce = error(400, "use_dpop_nonce", "The proof must name the nonce of this answer.");

const PROOF: Record<ProofFault, OAuthError> = {
  proof_missing: badProof("The DPoP header is missing."),
  proof_repeated: badProof("There is more than one DPoP header."),
  too_large: badProof("The proof is too large."),
  malformed: badProof("The proof is not a strict compact JWS."),
  header_refused: badProof("The proof's header holds a member we refuse."),
  type_refused: badProof("The proof is not of type dpop+jwt."),
  algorithm_refused: badProof("The proof's algorithm is not accepted for its key."),
  key_unknown: badProof("The proof carries no key."),
  key_refused: badProof("The proof's key is not a public Ed25519 or P-256 key."),
  signature_invalid: badProof("The proof's signature does not verify."),
  payload_malformed: badProof("The proof's claims are not strict JSON."),
  claims_invalid: badProof("A claim of the proof is missing or has a wrong form."),
  method_mismatch: badProof("The proof is for another method."),
  url_mismatch: badProof("The proof is for another URL."),
  token_mismatch: badProof("The proof is for another credential."),
  stale: badProof("The proof is too old, or dated in the future."),
  replayed: badProof("The proof was used before."),
  nonce_required: useNonce,
  nonce_mismatch: useNonce,
  busy: error(503, "temporarily_unavailable", "Too many proofs in flight."),
};

const AGENT: Record<AgentFault | "replayed", string> = {
  too_large: "The client assertion is too large.",
  malformed: "The client assertion is not a strict compact JWS.",
  header_refused: "The client assertion's header holds a member we refuse.",
  type_refused: "The client assertion has a wrong type.",
  algorithm_refused: "The client assertion's algorithm is not the one of its key.",
  // One sentence for both: which agents exist is nobody's business.
  agent_unknown: "The agent or its key is not known.",
  key_unknown: "The agent or its key is not known.",
  signature_invalid: "The client assertion's signature does not verify.",
  payload_malformed: "The client assertion's claims are not strict JSON.",
  issuer_mismatch: "iss and sub of the client assertion must both be the agent.",
  audience_mismatch: "The client assertion is for another audience.",
  claims_invalid: "A claim of the client assertion is missing or has a wrong form.",
  life_too_long: "The client assertion lives longer than 60 seconds.",
  not_yet_valid: "The client assertion is dated in the future.",
  expired: "The client assertion has expired.",
  replayed: "The client assertion was used before.",
};

const HUMAN: Record<HumanFault | "replayed" | "keys_unavailable", string> = {
  too_large: "The subject token is too large.",
  malformed: "The subject token is not a strict compact JWS.",
  header_refused: "The subject token's header holds a member we refuse.",
  type_refused: "The subject token is not an ID token.",
  algorithm_refused: "The subject token's algorithm is not accepted.",
  key_unknown: "The identity provider publishes no such key.",
  signature_invalid: "The subject token's signature does not verify.",
  payload_malformed: "The subject token's claims are not strict JSON.",
  issuer_mismatch: "The subject token is of another issuer.",
  audience_mismatch: "The subject token is for another audience.",
  claims_invalid: "A claim of the subject token is missing or has a wrong form.",
  not_yet_valid: "The subject token is dated in the future.",
  expired: "The subject token has expired.",
  replayed: "The subject token has opened a workflow before.",
  keys_unavailable: "The identity provider's keys cannot be had now.",
};

const ACTOR: Record<ActorFault | "replayed", string> = {
  too_large: "The actor token is too large.",
  malformed: "The actor token is not a strict compact JWS.",
  header_refused: "The actor token's header holds a member we refuse.",
  type_refused: "The actor token is not of type postern-actor+jwt.",
  algorithm_refused: "The actor token's algorithm is not the one of its key.",
  agent_unknown: "The acting agent or its key is not known.",
  key_unknown: "The acting agent or its key is not known.",
  signature_invalid: "The actor token's signature does not verify.",
  payload_malformed: "The actor token's claims are not strict JSON.",
  issuer_mismatch: "iss and sub of the actor token must both be the acting agent.",
  audience_mismatch: "The actor token is for another audience.",
  claims_invalid: "A claim of the actor token is missing or has a wrong form.",
  life_too_long: "The actor token lives longer than 60 seconds.",
  not_yet_valid: "The actor token is dated in the future.",
  expired: "The actor token has expired.",
  replayed: "The actor token was used before.",
  binding_missing: "The actor token names no key: cnf.jkt is missing.",
  workflow_mismatch: "The actor token is for a seat of another workflow.",
};

const SEAT: Record<CredentialFault | "agent_mismatch" | "key_mismatch", string> = {
  too_large: "The credential is too large.",
  malformed: "The credential is not a strict compact JWS.",
  header_refused: "The credential's header holds a member we refuse.",
  type_refused: "The subject token is not a workflow credential.",
  algorithm_refused: "The credential's algorithm is not the one of its key.",
  key_unknown: "The credential was not issued here.",
  signature_invalid: "The credential's signature does not verify.",
  payload_malformed: "The credential's claims are not strict JSON.",
  claims_invalid: "A claim of the credential is missing or has a wrong form.",
  issuer_mismatch: "The credential is of another issuer.",
  audience_mismatch: "The credential is for another resource.",
  tenant_mismatch: "The credential was not issued here.",
  life_too_long: "The credential lives longer than allowed.",
  not_yet_valid: "The credential is dated in the future.",
  expired: "The credential has expired.",
  agent_mismatch: "The credential belongs to another agent.",
  key_mismatch: "The credential is bound to another key.",
};
