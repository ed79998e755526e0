import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { Agent, unsigned } from "../support/keys.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const LAB = { purpose: "lab" } as const;

/** A credential is worth nothing without its key, its tenant, its time and a fresh proof. */
export function requestCases(world: () => World): void {
  describe("an agent's request", () => {
    it("finds out from RFC 9728 metadata where to ask for a credential", async () => {
      const { acme, host } = world();
      const { gateway } = host.urls;
      const { status, body } = await send(
        `${gateway}/.well-known/oauth-protected-resource/acme/mcp`,
      );
      expect(status).toBe(200);
      expect(body).toEqual({
        resource: acme.resource,
        authorization_servers: [acme.url],
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: ["EdDSA", "Ed25519", "ES256"],
        dpop_bound_access_tokens_required: true,
        authorization_details_types_supported: ["dev.postern/workflow", "dev.postern/seat"],
      });
      const server = await send(`${gateway}/.well-known/oauth-authorization-server/acme`);
      expect(server.body).toMatchObject({
        issuer: acme.url,
        token_endpoint: acme.tokenEndpoint,
        jwks_uri: `${acme.url}/jwks`,
        grant_types_supported: ["urn:ietf:params:oauth:grant-type:token-exchange"],
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
      });
      expect(
        (await send(`${gateway}/.well-known/oauth-protected-resource/initech/mcp`)).status,
      ).toBe(404);
    });

    it.each([
      "POST /acme/mcp",
      "GET /acme/v1/workflows/wf_0",
      "POST /acme/v1/workflows/wf_0/calls",
    ])("%s without a credential is told where to go", async (line) => {
      const { host } = world();
      const { gateway } = host.urls;
      const [method = "", path = ""] = line.split(" ");
      const answer = await send(`${gateway}${path}`, { method });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe(
        `Bearer resource_metadata="${gateway}/.well-known/oauth-protected-resource/acme/mcp", DPoP algs="EdDSA Ed25519 ES256"`,
      );
    });

    it("is refused with a forged, foreign, unbound or repeated credential", async () => {
      const { acme, globex, agent, stranger } = world();
      const workflow = await acme.open(agent, "dana", LAB);
      const foreign = await globex.open(stranger, "pat", LAB);
      const thief = await Agent.create("thief");
      const token = workflow.credential;
      const url = workflow.url;
      const forged = token.replace(/\.[^.]+$/, `.${Buffer.alloc(64, 1).toString("base64url")}`);
      const repeated = await agent.proof("GET", url, { token });
      const cases: [string, Parameters<Workflow["request"]>[3], string][] = [
        ["bearer", { headers: { authorization: `Bearer ${token}` } }, "invalid_token"],
        ["alg none", { credential: unsigned(token) }, "invalid_token"],
        ["forged", { credential: forged }, "invalid_token"],
        ["foreign", { credential: foreign.credential }, "invalid_token"],
        ["another's proof", { proof: await thief.proof("GET", url, { token }) }, "invalid_token"],
        ["no proof", { proof: null }, "invalid_dpop_proof"],
        ["proof without ath", { proof: await agent.proof("GET", url) }, "invalid_dpop_proof"],
        [
          "proof of a POST",
          { proof: await agent.proof("POST", url, { token }) },
          "invalid_dpop_proof",
        ],
        [
          "proof of another URL",
          { proof: await agent.proof("GET", `${url}/events`, { token }) },
          "invalid_dpop_proof",
        ],
      ];
      for (const [name, change, error] of cases) {
        const answer = await workflow.request("GET", "", undefined, change);
        expect(answer.status, name).toBe(401);
        expect(answer.headers.get("www-authenticate"), name).toContain(`error="${error}"`);
        expect(answer.body).toMatchObject({ code: "unauthenticated", status: 401 });
      }
      expect((await workflow.request("GET", "", undefined, { proof: repeated })).status).toBe(200);
      expect((await workflow.request("GET", "", undefined, { proof: repeated })).status).toBe(401);
      expect((await workflow.request("GET", "")).status).toBe(200);
    });

    it("is refused once the workflow's life is over", async () => {
      const { acme, agent } = world();
      const before = Date.now();
      const workflow = await acme.open(agent, "dana", { ...LAB, lifeMs: 2_000 });
      expect(workflow.expiresIn).toBeLessThanOrEqual(2);
      const note = { tool: "lab_note", arguments: { text: "in time" } };
      const call = (): Promise<Answer> => workflow.request("POST", "/calls", note);
      const first = await call();
      if (first.status === 200) expect(first.body).toMatchObject({ outcome: "ok" });
      // A busy machine may be late with this one, too; who is not late is let in.
      else expect(Date.now() - before).toBeGreaterThanOrEqual(1_000);
      while ((await workflow.request("GET", "")).status === 200) await sleep(50);
      // A credential says in whole seconds when it ends.
      expect(Date.now() - before).toBeGreaterThanOrEqual(1_000);
      const late = await call();
      expect(late.status).toBe(401);
      expect(late.headers.get("www-authenticate")).toContain('error="invalid_token"');
    });

    it("is never known by its host header", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", LAB);
      const proof = await agent.proof("GET", workflow.url.replace("127.0.0.1", "localhost"), {
        token: workflow.credential,
      });
      const answer = await workflow.request("GET", "", undefined, { proof });
      expect(answer.status).toBe(401);
    });
  });
}
