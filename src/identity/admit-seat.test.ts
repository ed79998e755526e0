import { describe, expect, it } from "vitest";
import { AgentKey } from "../sdk/agent.ts";
import { ProofKey } from "../sdk/proof.ts";
import type { PrivateKeyJwk } from "../sdk/sign.ts";
import { forge } from "../sdk/testing.ts";
import { admitOpen, admitRenew, type ExchangeHttp } from "./admit.ts";
import { admitCall, admitDelegate } from "./admit-seat.ts";
import { createCallTokens } from "./call-token.ts";
import { mintCredential } from "./credential.ts";
import { issuerOf, tokenEndpointOf } from "./metadata.ts";
import { exchangeContext, NOW, NOW_S, opsKey, place, signingKey, supportKey } from "./testing.ts";

const url = tokenEndpointOf(place);
const keyOf = (key: { privateJwk: object }): PrivateKeyJwk => key.privateJwk as PrivateKeyJwk;
const support = await AgentKey.import("support-agent", keyOf(supportKey));
const ops = await AgentKey.import("ops-agent", keyOf(opsKey));
const [giverKey, takerKey] = [await ProofKey.generate(), await ProofKey.generate()];
const jkt = await takerKey.thumbprint();

async function http(by = giverKey): Promise<ExchangeHttp> {
  return { method: "POST", url, proof: await by.prove({ method: "POST", url, now: NOW }) };
}

/** Of the giver: support-agent in seat_1 of wf_1. */
async function credential(over: object = {}): Promise<string> {
  const grant = {
    ...{ tenant: "acme", workflow: "wf_1", seat: "seat_1", human: "h", agent: "support-agent" },
    ...{ jkt: await giverKey.thumbprint(), jti: "j", now: NOW, seatExpiresAt: NOW + 3_600_000 },
    ...over,
  };
  return mintCredential(grant, exchangeContext().credentials, signingKey)?.token ?? "";
}

async function delegation(over: object = {}) {
  return {
    kind: "delegate" as const,
    subjectToken: await credential(),
    clientAssertion: await support.assertion(url, NOW),
    actorToken: await ops.actorToken(url, { workflow: "wf_1", jkt }, NOW),
    ask: {},
    ...over,
  };
}

const faultOf = (result: { ok: true } | { ok: false; fault: object }): object | string =>
  result.ok ? "ok" : result.fault;

describe("giving a seat", () => {
  it("needs the giver's credential, assertion and proof, and the taker's own word", async () => {
    const result = await admitDelegate(await delegation(), await http(), exchangeContext(), NOW);
    expect(result).toMatchObject({
      ok: true,
      giver: { workflow: "wf_1", seat: "seat_1", agent: "support-agent" },
      taker: { agent: "ops-agent", jkt },
    });
  });

  it("is refused for whoever only found the credential, or the giver's key", async () => {
    const context = exchangeContext();
    const thief = await delegation({ clientAssertion: await ops.assertion(url, NOW) });
    expect(faultOf(await admitDelegate(thief, await http(), context, NOW))).toEqual({
      of: "seat",
      fault: "agent_mismatch",
    });
    expect(faultOf(await admitDelegate(await delegation(), await http(takerKey), context, NOW)))
      // The giver's agent, presented with a key that its seat is not bound to.
      .toEqual({ of: "seat", fault: "key_mismatch" });
    expect(context.spent.spent).toEqual([]);
  });

  it("takes no credential that has ended, unlike a renewal", async () => {
    const old = await credential({ now: NOW - 1_000_000 });
    const exchange = await delegation({ subjectToken: old });
    expect(faultOf(await admitDelegate(exchange, await http(), exchangeContext(), NOW))).toEqual({
      of: "seat",
      fault: "expired",
    });
  });

  it("takes no actor token of another type, workflow, key or agent, nor one without a key", async () => {
    const forged = (claims: object, typ = "postern-actor+jwt"): string =>
      forge(
        { alg: "ES256", kid: "ops-1", typ },
        {
          ...{ iss: "ops-agent", sub: "ops-agent", aud: url, jti: crypto.randomUUID() },
          ...{ iat: NOW_S, exp: NOW_S + 30, workflow: "wf_1", cnf: { jkt } },
          ...claims,
        },
        opsKey,
      );
    const cases: readonly (readonly [string, string])[] = [
      [await ops.assertion(url, NOW), "type_refused"],
      [forged({}, "JWT"), "type_refused"],
      [await ops.actorToken(url, { workflow: "wf_2", jkt }, NOW), "workflow_mismatch"],
      [forged({ workflow: undefined }), "workflow_mismatch"],
      [forged({ cnf: undefined }), "binding_missing"],
      [forged({ cnf: { jkt: "short" } }), "binding_missing"],
      [forged({ sub: "support-agent" }), "issuer_mismatch"],
      [forged({ iss: "support-agent", sub: "support-agent" }), "key_unknown"],
      [forged({ aud: "https://another.example/oauth/token" }), "audience_mismatch"],
      [forged({ exp: NOW_S + 61 }), "life_too_long"],
      [forged({ iat: NOW_S - 100, exp: NOW_S - 50 }), "expired"],
    ];
    const context = exchangeContext();
    for (const [actorToken, fault] of cases) {
      const exchange = await delegation({ actorToken });
      const result = await admitDelegate(exchange, await http(), context, NOW);
      expect(faultOf(result), fault).toEqual({ of: "actor", fault });
    }
    expect(context.spent.spent).toEqual([]);
    const good = await delegation({ actorToken: forged({}) });
    expect(faultOf(await admitDelegate(good, await http(), context, NOW))).toBe("ok");
  });

  it("takes an actor token once", async () => {
    const context = exchangeContext();
    const actorToken = await ops.actorToken(url, { workflow: "wf_1", jkt }, NOW);
    await admitDelegate(await delegation({ actorToken }), await http(), context, NOW);
    const again = await delegation({ actorToken });
    expect(faultOf(await admitDelegate(again, await http(), context, NOW))).toEqual({
      of: "actor",
      fault: "replayed",
    });
  });

  it("hands out nothing that signs in as the taker", async () => {
    const actorToken = await ops.actorToken(url, { workflow: "wf_1", jkt }, NOW);
    const context = exchangeContext();
    const ask = { purpose: "p", inputs: {} };
    const opening = {
      kind: "open",
      signedInBy: "idp",
      subjectToken: "x",
      clientAssertion: actorToken,
      ask,
    } as const;
    const renewal = { kind: "renew", subjectToken: "x", clientAssertion: actorToken } as const;
    const fault = { of: "agent", fault: "type_refused" };
    expect(faultOf(await admitOpen(opening, await http(), context, NOW))).toEqual(fault);
    expect(faultOf(await admitRenew(renewal, await http(), context, NOW))).toEqual(fault);
  });
});

describe("exchanging a call token", () => {
  const sha = "a".repeat(64);
  const issuer = issuerOf(place);
  function callToken(over: object = {}, at = NOW): string {
    const tokens = createCallTokens(
      () => ({ issuer, audience: issuer, key: signingKey }),
      () => at,
    );
    const claims = {
      ...{ txn: "txn_1", sub: "h", act: { sub: "support-agent", sub_profile: "ai_agent" } },
      ...{ scope: "tool:ask_ops", req_wl: "con_1/nonce" },
      tctx: {
        ...{ tenant: "acme", workflow: "wf_1", call: "call_1", policy_version: sha },
        ...{ network: "acme", tier: "internal" },
        ...{ mode: "execute", operation: sha, preview: null, record: sha, lock_epoch: 0 },
        ...over,
      },
    } as const;
    const token = tokens.mint("acme", claims as Parameters<typeof tokens.mint>[1], 60);
    if (token === null) throw new Error("nothing minted");
    return token;
  }
  async function exchanging(subjectToken: string, by = ops) {
    const clientAssertion = await by.assertion(url, NOW);
    return { kind: "call" as const, subjectToken, clientAssertion, ask: {} };
  }

  it("tells workflow and call, and who takes the seat with which key", async () => {
    const exchange = await exchanging(callToken());
    const result = await admitCall(exchange, await http(takerKey), exchangeContext(), NOW);
    expect(result).toEqual({
      ok: true,
      workflow: "wf_1",
      call: "call_1",
      taker: { agent: "ops-agent", jkt },
    });
  });

  it("takes none of a preview, of another tenant, that has ended or that nobody signed", async () => {
    const cases: readonly (readonly [string, string])[] = [
      [callToken({ mode: "preview" }), "mode_mismatch"],
      [callToken({ tenant: "globex" }), "tenant_mismatch"],
      [callToken({}, NOW - 120_000), "token_expired"],
      [`${callToken().slice(0, -8)}AAAAAAAA`, "token_signature_invalid"],
      [await credential(), "token_type_refused"],
    ];
    for (const [token, fault] of cases) {
      const context = exchangeContext();
      const result = await admitCall(await exchanging(token), await http(takerKey), context, NOW);
      expect(faultOf(result)).toEqual({ of: "call", fault });
      expect(context.spent.spent).toEqual([]);
    }
  });
});
