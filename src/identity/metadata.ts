import { OFFERED_ALGORITHMS } from "./dpop.ts";
import { GRANT_TOKEN_EXCHANGE, SEAT_DETAIL, WORKFLOW_DETAIL } from "./oauth-names.ts";

/** Where one tenant is found from outside; everything follows from the two parts. */
export interface Place {
  /** Public URL of the gateway, without a slash at the end. */
  readonly publicUrl: string;
  readonly tenant: string;
}

export function issuerOf({ publicUrl, tenant }: Place): string {
  return `${publicUrl}/${tenant}`;
}

export function resourceOf(place: Place): string {
  return `${issuerOf(place)}/mcp`;
}

export function tokenEndpointOf(place: Place): string {
  return `${issuerOf(place)}/oauth/token`;
}

export function jwksUriOf(place: Place): string {
  return `${issuerOf(place)}/jwks`;
}

export function resourceMetadataUrlOf({ publicUrl, tenant }: Place): string {
  return `${publicUrl}/.well-known/oauth-protected-resource/${tenant}/mcp`;
}

const DETAILS = [WORKFLOW_DETAIL, SEAT_DETAIL];

/** RFC 9728 §2. */
export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly bearer_methods_supported: readonly string[];
  readonly dpop_signing_alg_values_supported: readonly string[];
  readonly dpop_bound_access_tokens_required: boolean;
  readonly authorization_details_types_supported: readonly string[];
}

export function protectedResourceMetadata(place: Place): ProtectedResourceMetadata {
  return {
    resource: resourceOf(place),
    authorization_servers: [issuerOf(place)],
    bearer_methods_supported: ["header"],
    dpop_signing_alg_values_supported: OFFERED_ALGORITHMS,
    dpop_bound_access_tokens_required: true,
    authorization_details_types_supported: DETAILS,
  };
}

/** RFC 8414 §2. */
export interface AuthorizationServerMetadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly response_types_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported: readonly string[];
  readonly dpop_signing_alg_values_supported: readonly string[];
  readonly authorization_details_types_supported: readonly string[];
}

export function authorizationServerMetadata(place: Place): AuthorizationServerMetadata {
  return {
    issuer: issuerOf(place),
    token_endpoint: tokenEndpointOf(place),
    jwks_uri: jwksUriOf(place),
    // There is no authorization endpoint: humans sign in at their own provider.
    response_types_supported: [],
    grant_types_supported: [GRANT_TOKEN_EXCHANGE],
    token_endpoint_auth_methods_supported: ["private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: OFFERED_ALGORITHMS,
    dpop_signing_alg_values_supported: OFFERED_ALGORITHMS,
    authorization_details_types_supported: DETAILS,
  };
}
