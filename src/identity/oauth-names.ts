/** Names of RFC 6749, 7523, 8414, 8693, 9396, 9449 and 9728 that we speak, in one module. */
export const GRANT_TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const TOKEN_TYPE_ID = "urn:ietf:params:oauth:token-type:id_token";
export const TOKEN_TYPE_ACCESS = "urn:ietf:params:oauth:token-type:access_token";
export const TOKEN_TYPE_JWT = "urn:ietf:params:oauth:token-type:jwt";
/** draft-ietf-oauth-transaction-tokens: our call token. */
export const TOKEN_TYPE_TXN = "urn:ietf:params:oauth:token-type:txn_token";
export const CLIENT_ASSERTION_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/** `typ` of an actor token: never that of an assertion, or one would stand in for the other. */
export const ACTOR_TOKEN_TYPE = "postern-actor+jwt";
/** Our authorization detail (RFC 9396). */
export const WORKFLOW_DETAIL = "dev.postern/workflow";
/** What an agent asks for another one: a place in its own workflow. */
export const SEAT_DETAIL = "dev.postern/seat";

export const OAUTH_ERROR_CODES = [
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "invalid_target",
  "invalid_authorization_details",
  "invalid_dpop_proof",
  "use_dpop_nonce",
  "unsupported_grant_type",
  "access_denied",
  "temporarily_unavailable",
] as const;
export type OAuthErrorCode = (typeof OAUTH_ERROR_CODES)[number];
