import * as oauth from "oauth4webapi";
import { describe, expect, it } from "vitest";
import type { World } from "../support/world.ts";

const HTTP_IS_FINE_HERE = { [oauth.allowInsecureRequests]: true } as const;

/** Interoperation: everything below is made by a library that has never heard of Postern. */
export function stockOAuthCases(world: () => World): void {
  describe("a stock OAuth client", () => {
    // RFC 9864 named EdDSA anew, after its curve: libraries use either name.
    it.each(["ES256", "Ed25519"])(
      "finds the server from the resource, exchanges, and makes a call with %s",
      async (algorithm) => {
        const { acme, agentES256: agent } = world();
        const resource = await oauth.processResourceDiscoveryResponse(
          new URL(acme.resource),
          await oauth.resourceDiscoveryRequest(new URL(acme.resource), HTTP_IS_FINE_HERE),
        );
        const issuer = new URL(resource.authorization_servers?.[0] ?? "");
        const server = await oauth.processDiscoveryResponse(
          issuer,
          await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...HTTP_IS_FINE_HERE }),
        );
        const client: oauth.Client = { client_id: agent.id };
        const { privateKey: key, kid } = agent.assertionKey;
        const proofs = oauth.DPoP(client, await oauth.generateKeyPair(algorithm));
        const answer = await oauth.genericTokenEndpointRequest(
          server,
          client,
          oauth.PrivateKeyJwt({ key, kid }),
          "urn:ietf:params:oauth:grant-type:token-exchange",
          {
            subject_token: await acme.signIn("dana"),
            subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
            resource: resource.resource,
            authorization_details: '[{"type":"dev.postern/workflow","purpose":"lab"}]',
          },
          { DPoP: proofs, ...HTTP_IS_FINE_HERE },
        );
        const grant = await oauth.processGenericTokenEndpointResponse(server, client, answer);
        expect(grant.token_type).toBe("dpop");
        const [detail] = grant.authorization_details ?? [];
        const call = await oauth.protectedResourceRequest(
          grant.access_token,
          "POST",
          new URL(`${acme.url}/v1/workflows/${String(detail?.["workflow"])}/calls`),
          new Headers({ "content-type": "application/json" }),
          JSON.stringify({ tool: "lab_note", arguments: { text: "by a stranger's hand" } }),
          { DPoP: proofs, ...HTTP_IS_FINE_HERE },
        );
        expect(await call.json()).toMatchObject({
          outcome: "ok",
          result: { value: { text: "by a stranger's hand" } },
        });
      },
    );

    it("understands why it is refused", async () => {
      const { acme } = world();
      const proofs = oauth.DPoP({}, await oauth.generateKeyPair("ES256"));
      const options = { DPoP: proofs, ...HTTP_IS_FINE_HERE };
      const url = new URL(`${acme.url}/v1/workflows/wf_0`);
      const refused = oauth.protectedResourceRequest(
        "forged.to.ken",
        "GET",
        url,
        new Headers(),
        null,
        options,
      );
      await expect(refused).rejects.toMatchObject({
        status: 401,
        cause: expect.arrayContaining([
          expect.objectContaining({
            scheme: "dpop",
            parameters: expect.objectContaining({ error: "invalid_token" }),
          }),
        ]),
      });
    });
  });
}
