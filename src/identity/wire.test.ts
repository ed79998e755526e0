import { describe, expect, it } from "vitest";
import { challengeFor, CHALLENGE_ERRORS } from "./challenge.ts";
import {
  CLIENT_ASSERTION_JWT,
  GRANT_TOKEN_EXCHANGE,
  OAUTH_ERROR_CODES,
  TOKEN_TYPE_ACCESS,
  TOKEN_TYPE_ID,
  WORKFLOW_DETAIL,
} from "./oauth-names.ts";
import { toOAuthError } from "./wire.ts";

describe("names on the wire", () => {
  it("are these", () => {
    expect(GRANT_TOKEN_EXCHANGE).toBe("urn:ietf:params:oauth:grant-type:token-exchange");
    expect(TOKEN_TYPE_ID).toBe("urn:ietf:params:oauth:token-type:id_token");
    expect(TOKEN_TYPE_ACCESS).toBe("urn:ietf:params:oauth:token-type:access_token");
    expect(CLIENT_ASSERTION_JWT).toBe("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    expect(WORKFLOW_DETAIL).toBe("dev.postern/workflow");
    expect(OAUTH_ERROR_CODES).toEqual([
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
    ]);
    expect(CHALLENGE_ERRORS).toEqual(["invalid_token", "invalid_dpop_proof", "use_dpop_nonce"]);
  });
});

describe("a refused exchange", () => {
  it.each([
    [{ of: "form", fault: "parameter_repeated" }, 400, "invalid_request"],
    [{ of: "form", fault: "body_too_large" }, 413, "invalid_request"],
    [{ of: "form", fault: "grant_type_unsupported" }, 400, "unsupported_grant_type"],
    [{ of: "form", fault: "client_assertion_type_unsupported" }, 401, "invalid_client"],
    [{ of: "form", fault: "resource_mismatch" }, 400, "invalid_target"],
    [{ of: "form", fault: "details_invalid" }, 400, "invalid_authorization_details"],
    [{ of: "proof", fault: "signature_invalid" }, 400, "invalid_dpop_proof"],
    [{ of: "proof", fault: "nonce_required" }, 400, "use_dpop_nonce"],
    [{ of: "proof", fault: "nonce_mismatch" }, 400, "use_dpop_nonce"],
    [{ of: "proof", fault: "busy" }, 503, "temporarily_unavailable"],
    [{ of: "agent", fault: "signature_invalid" }, 401, "invalid_client"],
    [{ of: "agent", fault: "replayed" }, 401, "invalid_client"],
    [{ of: "human", fault: "expired" }, 400, "invalid_request"],
    [{ of: "human", fault: "replayed" }, 400, "invalid_request"],
    [{ of: "human", fault: "keys_unavailable" }, 503, "temporarily_unavailable"],
    [{ of: "seat", fault: "key_mismatch" }, 400, "invalid_request"],
  ] as const)("%j is answered %i %s", (fault, status, error) => {
    expect(toOAuthError(fault)).toMatchObject({ status, error });
  });

  it("does not tell an unknown agent from an unknown key", () => {
    expect(toOAuthError({ of: "agent", fault: "agent_unknown" })).toEqual(
      toOAuthError({ of: "agent", fault: "key_unknown" }),
    );
  });
});

describe("a refused request", () => {
  const at = {
    metadataUrl: "https://postern.example/.well-known/oauth-protected-resource/acme/mcp",
    nonce: "n-1",
  };

  it("without a credential is pointed at the metadata, as MCP clients look for it", () => {
    expect(challengeFor({ of: "header", fault: "authorization_missing" }, at)).toEqual({
      status: 401,
      error: null,
      headers: {
        "www-authenticate":
          'Bearer resource_metadata="https://postern.example/.well-known/oauth-protected-resource/acme/mcp", DPoP algs="EdDSA Ed25519 ES256"',
      },
    });
  });

  it("with a bad credential is told invalid_token, whatever is wrong with it", () => {
    const answers = (
      ["expired", "signature_invalid", "tenant_mismatch", "key_unknown"] as const
    ).map((fault) => JSON.stringify(challengeFor({ of: "credential", fault }, at)));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('DPoP algs=\\"EdDSA Ed25519 ES256\\", error=\\"invalid_token\\"');
  });

  it("with a bad proof is told so, and gets the nonce where one is needed", () => {
    expect(challengeFor({ of: "proof", fault: "replayed" }, at)).toMatchObject({
      status: 401,
      error: "invalid_dpop_proof",
    });
    expect(challengeFor({ of: "proof", fault: "nonce_required" }, at)).toMatchObject({
      status: 401,
      error: "use_dpop_nonce",
      headers: { "dpop-nonce": "n-1" },
    });
    expect(challengeFor({ of: "proof", fault: "busy" }, at)).toEqual({
      status: 503,
      error: null,
      headers: { "retry-after": "1" },
    });
  });
});
