import { beforeEach, describe, expect, it } from "vitest";
import { ProofKey } from "../sdk/proof.ts";
import { createCredentialContext, mintCredential } from "./credential.ts";
import { createProofMemory } from "./dpop.ts";
import {
  generatePrivateJwk,
  importPublicKey,
  importSigningKey,
  ringOf,
  thumbprint,
} from "./keys.ts";
import { authenticateRequest, type AgentHttpRequest } from "./request.ts";
import { SpentProofs } from "./spent.ts";

const NOW = 1_800_000_000_000;
const url = "https://postern.example/acme/v1/workflows/wf_1/calls";
const key = importSigningKey({ ...generatePrivateJwk() });
const place = {
  tenant: "acme",
  issuer: "https://postern.example/acme",
  resource: "https://postern.example/acme/mcp",
};
let proofKey: ProofKey;
let token: string;
let context = createCredentialContext({ ...place, ring: () => ringOf([key]) });
let memory = createProofMemory(NOW - 60_000, "nonce", new SpentProofs());

beforeEach(async () => {
  context = createCredentialContext({ ...place, ring: () => ringOf([key]) });
  memory = createProofMemory(NOW - 60_000, "nonce", new SpentProofs());
  proofKey = await ProofKey.generate();
  token = await credentialFor(proofKey);
});

async function credentialFor(of: ProofKey): Promise<string> {
  const { d: _d, ...jwk } = await of.export();
  const imported = importPublicKey(jwk);
  if (!imported.ok) throw new Error("test key");
  const minted = mintCredential(
    {
      tenant: "acme",
      workflow: "wf_1",
      seat: "seat_1",
      agent: "support-agent",
      human: "human-1",
      jkt: thumbprint(imported.jwk),
      jti: "j-1",
      now: NOW,
      seatExpiresAt: NOW + 3_600_000,
    },
    place,
    key,
  );
  return minted?.token ?? "";
}

async function request(
  over: Partial<AgentHttpRequest> = {},
  by = proofKey,
): Promise<AgentHttpRequest> {
  const proof = await by.prove({ method: "POST", url, now: NOW, credential: token });
  return { method: "POST", url, authorization: `DPoP ${token}`, proof, ...over };
}

function verdict(of: AgentHttpRequest): string {
  const result = authenticateRequest(of, context, memory, NOW);
  return result.ok ? "ok" : `${result.fault.of}:${result.fault.fault}`;
}

describe("an agent's request", () => {
  it("gives tenant, workflow, seat, agent and human", async () => {
    expect(authenticateRequest(await request(), context, memory, NOW)).toMatchObject({
      ok: true,
      caller: {
        tenant: "acme",
        workflow: "wf_1",
        seat: "seat_1",
        agent: "support-agent",
        human: "human-1",
      },
    });
  });

  it("may spell the scheme in any case", async () => {
    expect(verdict(await request({ authorization: `dpop ${token}` }))).toBe("ok");
  });

  it("is good once", async () => {
    const one = await request();
    expect(verdict(one)).toBe("ok");
    expect(verdict(one)).toBe("proof:replayed");
  });

  it.each([
    ["no credential", null, "header:authorization_missing"],
    ["an empty one", "", "header:authorization_missing"],
    ["a credential without proof of possession", "Bearer TOKEN", "header:scheme_refused"],
    ["Basic", "Basic TOKEN", "header:scheme_refused"],
    ["no scheme", "TOKEN", "header:scheme_refused"],
    ["two spaces", "DPoP  TOKEN", "header:scheme_refused"],
    ["something after it", "DPoP TOKEN x", "header:scheme_refused"],
    ["two headers", "DPoP TOKEN, DPoP TOKEN", "header:authorization_repeated"],
    ["two headers of two schemes", "Bearer x, DPoP TOKEN", "header:authorization_repeated"],
    ["rubbish", "DPoP abc", "credential:malformed"],
  ])("with %s is refused", async (_name, authorization, fault) => {
    const text = authorization?.replaceAll("TOKEN", token) ?? null;
    expect(verdict(await request({ authorization: text }))).toBe(fault);
  });

  it("needs exactly one proof", async () => {
    const { proof } = await request();
    expect(verdict(await request({ proof: null }))).toBe("proof:proof_missing");
    expect(verdict(await request({ proof: "" }))).toBe("proof:proof_missing");
    expect(verdict(await request({ proof: `${proof}, ${proof}` }))).toBe("proof:proof_repeated");
  });

  it("with a stolen credential and the thief's own key is refused", async () => {
    expect(verdict(await request({}, await ProofKey.generate()))).toBe("header:key_mismatch");
  });

  it("with the proof of another request, credential or method is refused", async () => {
    expect(verdict(await request({ method: "GET" }))).toBe("proof:method_mismatch");
    expect(verdict(await request({ url: url.replace("wf_1", "wf_2") }))).toBe("proof:url_mismatch");
    const proof = await proofKey.prove({ method: "POST", url, now: NOW, credential: "other" });
    expect(verdict(await request({ proof }))).toBe("proof:token_mismatch");
    const bare = await proofKey.prove({ method: "POST", url, now: NOW });
    expect(verdict(await request({ proof: bare }))).toBe("proof:token_mismatch");
  });

  it("under another tenant's path is refused even if both tenants shared a key", async () => {
    context = createCredentialContext({ ...place, tenant: "umbrella", ring: () => ringOf([key]) });
    expect(verdict(await request())).toBe("credential:tenant_mismatch");
  });
});
