import { describe, expect, it } from "vitest";
import { CALL_TOKEN_HEADER, CALL_TOKEN_TYPE } from "../core/model/claims.ts";
import { fixedKeys, MemorySpentStore, verifyCallToken } from "../sdk/verify.ts";
import { createCallTokens } from "./call-token.ts";
import { generatePrivateJwk, importSigningKey, publicJwks } from "./keys.ts";

const NOW = 1_800_000_000_500;
const key = importSigningKey({ ...generatePrivateJwk() });
const issuer = "https://postern.example/acme";
const digest = "ab".repeat(32);
const tokens = createCallTokens(
  (tenant) => ({ issuer: `https://postern.example/${tenant}`, audience: issuer, key }),
  () => NOW,
);

function mint(lifeSeconds = 15): string {
  const token = tokens.mint(
    "acme",
    {
      txn: "txn_1",
      sub: "human-1",
      act: { sub: "support-agent", sub_profile: "ai_agent" },
      scope: "tool:invoices_list",
      req_wl: "con_1/session-1",
      tctx: {
        tenant: "acme",
        workflow: "wf_1",
        call: "call_1",
        network: "acme",
        tier: "critical",
        policy_version: digest,
        mode: "execute",
        operation: digest,
        preview: null,
        record: digest,
        lock_epoch: 0,
      },
    },
    lifeSeconds,
  );
  if (token === null) throw new Error("nothing minted");
  return token;
}

const part = (token: string, at: number): unknown =>
  JSON.parse(Buffer.from(token.split(".")[at] ?? "", "base64url").toString());

describe("a call token", () => {
  it("has these names on the wire", () => {
    expect(CALL_TOKEN_HEADER).toBe("Txn-Token");
    expect(CALL_TOKEN_TYPE).toBe("txntoken+jwt");
    expect(part(mint(), 0)).toEqual({ typ: "txntoken+jwt", alg: "EdDSA", kid: key.kid });
    expect(part(mint(), 1)).toEqual({
      iss: "https://postern.example/acme",
      aud: "https://postern.example/acme",
      iat: 1_800_000_000,
      exp: 1_800_000_015,
      txn: "txn_1",
      sub: "human-1",
      act: { sub: "support-agent", sub_profile: "ai_agent" },
      scope: "tool:invoices_list",
      req_wl: "con_1/session-1",
      tctx: {
        tenant: "acme",
        workflow: "wf_1",
        call: "call_1",
        network: "acme",
        tier: "critical",
        policy_version: digest,
        mode: "execute",
        operation: digest,
        preview: null,
        record: digest,
        lock_epoch: 0,
      },
    });
  });

  it("is about 1 KB", () => {
    expect(mint().length).toBeLessThan(1_200);
  });

  it("is accepted once by the verifier that tools and connectors use", async () => {
    const expected = {
      keys: fixedKeys(publicJwks([key])),
      issuer,
      audience: issuer,
      tenant: "acme",
      now: NOW,
      operation: digest,
      presenter: "con_1/session-1",
      spent: new MemorySpentStore(),
    };
    expect(await verifyCallToken(mint(), expected)).toMatchObject({
      ok: true,
      human: "human-1",
      agent: "support-agent",
      tool: "invoices_list",
      txn: "txn_1",
    });
    expect(await verifyCallToken(mint(), expected)).toMatchObject({ code: "token_replayed" });
  });

  it("of another tenant does not pass", async () => {
    const result = await verifyCallToken(mint(), {
      keys: fixedKeys(publicJwks([key])),
      issuer: "https://postern.example/umbrella",
      audience: issuer,
      tenant: "umbrella",
      now: NOW,
      operation: digest,
      spent: new MemorySpentStore(),
    });
    expect(result).toMatchObject({ ok: false, code: "issuer_mismatch" });
  });
});
