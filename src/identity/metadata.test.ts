import { describe, expect, it } from "vitest";
import {
  authorizationServerMetadata,
  protectedResourceMetadata,
  resourceMetadataUrlOf,
} from "./metadata.ts";

const place = { publicUrl: "https://postern.example", tenant: "acme" };

describe("metadata", () => {
  it("of the protected resource (RFC 9728) is this", () => {
    expect(resourceMetadataUrlOf(place)).toBe(
      "https://postern.example/.well-known/oauth-protected-resource/acme/mcp",
    );
    expect(protectedResourceMetadata(place)).toEqual({
      resource: "https://postern.example/acme/mcp",
      authorization_servers: ["https://postern.example/acme"],
      bearer_methods_supported: ["header"],
      dpop_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
      dpop_bound_access_tokens_required: true,
      authorization_details_types_supported: ["dev.postern/workflow", "dev.postern/seat"],
    });
  });

  it("of the authorization server (RFC 8414) is this", () => {
    expect(authorizationServerMetadata(place)).toEqual({
      issuer: "https://postern.example/acme",
      token_endpoint: "https://postern.example/acme/oauth/token",
      jwks_uri: "https://postern.example/acme/jwks",
      response_types_supported: [],
      grant_types_supported: ["urn:ietf:params:oauth:grant-type:token-exchange"],
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      token_endpoint_auth_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
      dpop_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
      authorization_details_types_supported: ["dev.postern/workflow", "dev.postern/seat"],
    });
  });
});
