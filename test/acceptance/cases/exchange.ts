import { calculateJwkThumbprint, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { Agent, base64url, payloadOf, seconds, sign, unsigned } from "../support/keys.ts";
import type { OAuthRefusal, Tampering } from "../support/tenant.ts";
import { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const LAB = { purpose: "lab" } as const;

/** Who may come in, as whom, and what everybody else is told. */
export function exchangeCases(world: () => World): void {
  describe("token exchange", () => {
    it("turns a human's sign-in and an agent's assertion into a workflow credential", async () => {
      const { acme, agent } = world();
      const answer = await acme.exchange(agent, await acme.signIn("dana"), LAB);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        token_type: "DPoP",
        expires_in: 900,
        authorization_details: [
          {
            type: "dev.postern/workflow",
            workflow: expect.stringMatching(/^wf_[0-9a-f]{32}$/),
            seat: expect.stringMatching(/^seat_[0-9a-f]{32}$/),
            tools: expect.arrayContaining(["customers_find", "lab_note", "tickets_create"]),
            expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          },
        ],
      });
      const workflow = Workflow.from(acme, agent, answer);
      expect(decodeProtectedHeader(workflow.credential)).toEqual({
        typ: "at+jwt",
        alg: "EdDSA",
        kid: expect.any(String),
      });
      const claims = payloadOf(workflow.credential);
      expect(claims).toMatchObject({
        iss: acme.url,
        aud: acme.resource,
        client_id: "support-agent",
        workflow: workflow.id,
        seat: workflow.seat,
        cnf: { jkt: await calculateJwkThumbprint(agent.proofKey.publicJwk) },
      });
      expect(claims["sub"]).toMatch(/^[0-9a-f]{64}$/);
      expect((await workflow.call("lab_note", { text: "hello" })).outcome).toBe("ok");
    });

    it("accepts an assertion signed with the agent's ES256 key", async () => {
      const { acme, agentES256 } = world();
      const workflow = await acme.open(agentES256, "dana", LAB);
      expect((await workflow.call("lab_note", { text: "hello" })).outcome).toBe("ok");
    });

    it("opens the same way at /v1/workflows, as JSON", async () => {
      const { acme, agent } = world();
      const url = `${acme.url}/v1/workflows`;
      const body = {
        subject_token: await acme.signIn("dana"),
        client_assertion: await agent.assertion(acme.tokenEndpoint),
        purpose: "lab",
        tools: ["lab_note"],
        limits: { calls: 2 },
      };
      const answer = await send(url, {
        method: "POST",
        headers: { "content-type": "application/json", dpop: await agent.proof("POST", url) },
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(201);
      const workflow = Workflow.from(acme, agent, answer);
      expect(workflow.tools).toEqual(["lab_note"]);
      expect((await workflow.call("lab_note", { text: "hello" })).outcome).toBe("ok");
    });

    it("lets a human assertion open one workflow, once", async () => {
      const { acme, agent } = world();
      const idToken = await acme.signIn("dana");
      expect((await acme.exchange(agent, idToken, LAB)).status).toBe(200);
      const again = await acme.exchange(agent, idToken, LAB);
      expect(again.status).toBe(400);
      expect(again.body).toEqual({
        error: "invalid_request",
        error_description: "The subject token has opened a workflow before.",
        code: "token_replayed",
      });
      expect((await acme.exchange(agent, await acme.signIn("dana"), LAB)).status).toBe(200);
    });

    it("accepts one of ten copies of a human assertion sent at once", async () => {
      const { acme, agent } = world();
      const idToken = await acme.signIn("dana");
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => acme.exchange(agent, idToken, LAB)),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    });

    it("accepts an agent assertion once, and does not charge the human for the second try", async () => {
      const { acme, agent } = world();
      const assertion = await agent.assertion(acme.tokenEndpoint);
      const form = { client_assertion: assertion };
      expect((await acme.exchange(agent, await acme.signIn("dana"), LAB, { form })).status).toBe(
        200,
      );
      const idToken = await acme.signIn("dana");
      const again = await acme.exchange(agent, idToken, LAB, { form });
      expect(again.status).toBe(401);
      expect(again.body).toMatchObject({ error: "invalid_client" });
      expect((await acme.exchange(agent, idToken, LAB)).status).toBe(200);
    });

    it("accepts a DPoP proof once", async () => {
      const { acme, agent } = world();
      const proof = await agent.proof("POST", acme.tokenEndpoint);
      expect((await acme.exchange(agent, await acme.signIn("dana"), LAB, { proof })).status).toBe(
        200,
      );
      const idToken = await acme.signIn("dana");
      const again = await acme.exchange(agent, idToken, LAB, { proof });
      expect(again.status).toBe(400);
      expect(again.body).toMatchObject({ error: "invalid_dpop_proof" });
      expect((await acme.exchange(agent, idToken, LAB)).status).toBe(200);
    });

    // Of when these cases are read: much later the world is up, and they run.
    const now = seconds();
    it.each([
      ["of another audience", { aud: "somebody-else" }],
      ["of another issuer", { iss: "http://127.0.0.1:1" }],
      ["that has expired", { iat: now - 700, exp: now - 100 }],
      ["dated in the future", { iat: now + 3_600, exp: now + 4_200 }],
      ["for several audiences, issued to another", { aud: ["postern", "other"], azp: "other" }],
      ["without a subject", { sub: undefined }],
    ])("refuses a human assertion %s", async (_, change) => {
      const { globex, provider, stranger } = world();
      const bad = await globex.exchange(stranger, await provider.idToken("pat", change), LAB);
      expect(bad.status).toBe(400);
      expect(bad.body).toMatchObject({ error: "invalid_request" });
      const good = await globex.exchange(stranger, await provider.idToken("pat"), LAB);
      expect(good.status).toBe(200);
    });

    it("refuses a human assertion that nobody signed, or that another tenant's provider signed", async () => {
      const { acme, agent, provider } = world();
      const real = await acme.signIn("dana");
      const foreign = await provider.idToken("dana", { iss: payloadOf(real)["iss"] });
      const forged = real.replace(/\.[^.]+$/, `.${Buffer.alloc(64, 1).toString("base64url")}`);
      for (const token of [unsigned(real), forged, foreign, "not.a.token", ""]) {
        const answer = await acme.exchange(agent, token, LAB);
        expect(answer.status, token.slice(0, 20)).toBe(400);
        expect(answer.body).toMatchObject({ error: "invalid_request" });
      }
      expect((await acme.exchange(agent, real, LAB)).status).toBe(200);
    });

    it.each([
      ["for another gateway", { aud: "https://gateway.example/acme" }],
      ["that has expired", { iat: now - 200, exp: now - 150 }],
      ["that lives for an hour", { iat: now, exp: now + 3_600 }],
      ["in the name of another agent", { iss: "ghost", sub: "ghost" }],
      ["whose subject is another", { sub: "ghost" }],
      ["without an id", { jti: undefined }],
    ])("refuses an agent assertion %s", async (_, change) => {
      const { globex, provider, stranger } = world();
      const assertion = await stranger.assertion(globex.tokenEndpoint, change);
      const idToken = await provider.idToken("pat");
      const bad = await globex.exchange(stranger, idToken, LAB, {
        form: { client_assertion: assertion },
      });
      expect(bad.status).toBe(401);
      expect(bad.body).toMatchObject({ error: "invalid_client" });
      expect((await globex.exchange(stranger, idToken, LAB)).status).toBe(200);
    });

    it("pins the algorithm and key of an agent's assertions", async () => {
      const { acme, agent, agentES256, stranger } = world();
      const good = await agent.assertion(acme.tokenEndpoint);
      const [, payload = ""] = good.split(".");
      const secret = new TextEncoder().encode(JSON.stringify(agent.assertionKey.publicJwk));
      const header = base64url({ alg: "HS256", typ: "JWT", kid: agent.assertionKey.kid });
      const mac = await hmac(secret, `${header}.${payload}`);
      const mixed = new Agent(
        agent.id,
        { ...agentES256.assertionKey, kid: agent.assertionKey.kid },
        agent.proofKey,
      );
      for (const assertion of [
        unsigned(good),
        `${header}.${payload}.${mac}`,
        await mixed.assertion(acme.tokenEndpoint),
        await stranger.assertion(acme.tokenEndpoint),
        await agent.assertion(acme.tokenEndpoint, {}, { kid: "unheard-of" }),
        await agent.assertion(acme.tokenEndpoint, {}, { jwk: agent.assertionKey.publicJwk }),
        await agent.assertion(acme.tokenEndpoint, {}, { jku: "http://127.0.0.1:1/keys" }),
      ]) {
        const form = { client_assertion: assertion };
        const answer = await acme.exchange(agent, await acme.signIn("dana"), LAB, { form });
        expect(answer.status).toBe(401);
        expect(answer.body).toMatchObject({ error: "invalid_client" });
      }
      const form = { client_assertion: good };
      expect((await acme.exchange(agent, await acme.signIn("dana"), LAB, { form })).status).toBe(
        200,
      );
    });

    it.each<[string, (tenant: World["acme"], agent: Agent) => Promise<Tampering>]>([
      ["for another method", async () => ({ proofFor: { method: "GET" } })],
      [
        "for another URL",
        async () => ({ proofFor: { url: "http://127.0.0.1:1/acme/oauth/token" } }),
      ],
      ["that is missing", async () => ({ proof: null })],
      [
        "that is minutes old",
        async ({ tokenEndpoint }, agent) => ({
          proof: await agent.proof("POST", tokenEndpoint, { change: { iat: seconds() - 300 } }),
        }),
      ],
      [
        "of another type",
        async ({ tokenEndpoint }, agent) => ({
          proof: await sign(agent.proofKey, { htm: "POST", htu: tokenEndpoint }),
        }),
      ],
      [
        "that nobody signed",
        async ({ tokenEndpoint }, agent) => ({
          proof: unsigned(await agent.proof("POST", tokenEndpoint)),
        }),
      ],
    ])("refuses a proof %s", async (_, tampering) => {
      const { globex, provider, stranger } = world();
      const idToken = await provider.idToken("pat");
      const bad = await globex.exchange(stranger, idToken, LAB, await tampering(globex, stranger));
      expect(bad.status).toBe(400);
      expect((bad.body as OAuthRefusal).error).toMatch(/^(invalid_dpop_proof|use_dpop_nonce)$/);
      expect((await globex.exchange(stranger, idToken, LAB)).status).toBe(200);
    });

    it.each<[string, Tampering["form"], string]>([
      ["another grant type", { grant_type: "authorization_code" }, "unsupported_grant_type"],
      ["another resource", { resource: "https://elsewhere.example/mcp" }, "invalid_target"],
      ["no resource", { resource: null }, "invalid_request"],
      ["no details", { authorization_details: null }, "invalid_request"],
      [
        "details that repeat a key",
        {
          authorization_details:
            '[{"type":"dev.postern/workflow","purpose":"lab","purpose":"support-case"}]',
        },
        "invalid_authorization_details",
      ],
      [
        "details with __proto__",
        {
          authorization_details: '[{"type":"dev.postern/workflow","purpose":"lab","__proto__":{}}]',
        },
        "invalid_authorization_details",
      ],
      [
        "details of another type",
        { authorization_details: '[{"type":"other","purpose":"lab"}]' },
        "invalid_authorization_details",
      ],
      ["an actor token", { actor_token: "x", actor_token_type: "y" }, "invalid_request"],
    ])("refuses %s with an OAuth error", async (_, form, error) => {
      const { globex, provider, stranger } = world();
      const answer = await globex.exchange(stranger, await provider.idToken("pat"), LAB, {
        form: form ?? {},
      });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ error });
    });

    it.each([
      ["a human whom no edge covers", "mallory", { purpose: "lab" }],
      ["a purpose that no edge names", "dana", { purpose: "world-domination" }],
      [
        "a tool that the edge does not grant",
        "erin",
        { purpose: "billing-review", tools: ["tickets_create"] },
      ],
      ["a purpose of another human's edge", "erin", { purpose: "support-case" }],
    ])("denies %s with the outcome object and the rule", async (_, login, wish) => {
      const { acme, agent } = world();
      const answer = await acme.exchange(agent, await acme.signIn(login), wish);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        error: "access_denied",
        error_description: expect.any(String),
        outcome: {
          outcome: "policy_denied",
          call: null,
          reason: {
            code: "trust_denied",
            ruleIds: ["default:trust"],
            policyVersion: expect.stringMatching(/^[0-9a-f]{64}$/),
            message: expect.any(String),
          },
        },
      });
    });

    it("grants what the edge names, and no more than was asked for", async () => {
      const { acme, agent } = world();
      const all = await acme.open(agent, "erin", { purpose: "billing-review" });
      expect(all.tools).toEqual(["customers_find", "invoices_list"]);
      const some = await acme.open(agent, "erin", {
        purpose: "billing-review",
        tools: ["invoices_list"],
        limits: { calls: 3, cost: 999_999_999 },
      });
      expect(some.tools).toEqual(["invoices_list"]);
      expect(await some.view()).toMatchObject({
        limits: { calls: 3, cost: 10_000, runtimeMs: 100_000 },
      });
    });

    it("renews a credential for the same agent and key only", async () => {
      const { acme, agent, agentES256 } = world();
      const workflow = await acme.open(agent, "dana", LAB);
      const form = { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" };
      const thief = await Agent.create("support-agent");
      const otherKey = new Agent(agent.id, agent.assertionKey, thief.proofKey);
      const stolen = await acme.exchange(otherKey, workflow.credential, null, { form });
      expect(stolen.status).toBe(400);
      expect(stolen.body).toMatchObject({ error: "invalid_request" });
      expect((await acme.exchange(thief, workflow.credential, null, { form })).status).toBe(401);
      const renewed = await acme.exchange(agentES256, workflow.credential, null, { form });
      expect(renewed.status).toBe(200);
      const same = Workflow.from(acme, agent, renewed);
      expect([same.id, same.seat]).toEqual([workflow.id, workflow.seat]);
      expect((await same.call("lab_note", { text: "again" })).outcome).toBe("ok");
    });
  });
}

async function hmac(secret: Uint8Array<ArrayBuffer>, text: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    secret,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return Buffer.from(await crypto.subtle.sign("HMAC", key, Buffer.from(text))).toString(
    "base64url",
  );
}
