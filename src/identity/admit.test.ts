import { describe, expect, it } from "vitest";
import { AgentKey } from "../sdk/agent.ts";
import { ProofKey } from "../sdk/proof.ts";
import type { PrivateKeyJwk } from "../sdk/sign.ts";
import { admitOpen, admitRenew, type ExchangeHttp } from "./admit.ts";
import { mintCredential } from "./credential.ts";
import { tokenEndpointOf } from "./metadata.ts";
import {
  exchangeContext,
  humanToken,
  NOW,
  NOW_S,
  opsKey,
  place,
  signingKey,
  supportKey,
} from "./testing.ts";

const url = tokenEndpointOf(place);
const support = await AgentKey.import(
  "support-agent",
  supportKey.privateJwk as unknown as PrivateKeyJwk,
);
const ops = await AgentKey.import("ops-agent", opsKey.privateJwk as unknown as PrivateKeyJwk);
const proofKey = await ProofKey.generate();

async function http(by = proofKey): Promise<ExchangeHttp> {
  return { method: "POST", url, proof: await by.prove({ method: "POST", url, now: NOW }) };
}

async function opening(over: { subjectToken?: string; clientAssertion?: string } = {}) {
  return {
    kind: "open" as const,
    signedInBy: "idp" as const,
    subjectToken: humanToken(),
    clientAssertion: await support.assertion(url, NOW),
    ask: { purpose: "support-case", inputs: {} },
    ...over,
  };
}

const faultOf = (result: { ok: true } | { ok: false; fault: object }): object | string =>
  result.ok ? "ok" : result.fault;

describe("opening", () => {
  it("gives pseudonym, claims, agent and key", async () => {
    const result = await admitOpen(await opening(), await http(), exchangeContext(), NOW);
    expect(result).toMatchObject({
      ok: true,
      opener: { claims: { sub: "dana", groups: ["support"] }, agent: "support-agent" },
    });
    expect(result.ok && result.opener.human).toMatch(/^[0-9a-f]{64}$/);
    expect(result.ok && result.opener.jkt).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("takes a human assertion once, even with fresh everything else", async () => {
    const context = exchangeContext();
    const subjectToken = humanToken();
    expect(
      faultOf(await admitOpen(await opening({ subjectToken }), await http(), context, NOW)),
    ).toBe("ok");
    expect(
      faultOf(await admitOpen(await opening({ subjectToken }), await http(), context, NOW)),
    ).toEqual({ of: "human", fault: "replayed" });
  });

  it("lets one of many parallel openings with one human assertion through", async () => {
    const context = exchangeContext();
    const subjectToken = humanToken();
    const results = await Promise.all(
      Array.from({ length: 16 }, async () =>
        admitOpen(await opening({ subjectToken }), await http(), context, NOW),
      ),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("takes an agent assertion once, and that replay leaves the human's unspent", async () => {
    const context = exchangeContext();
    const clientAssertion = await support.assertion(url, NOW);
    await admitOpen(await opening({ clientAssertion }), await http(), context, NOW);
    const subjectToken = humanToken({ iat: NOW_S - 1 });
    expect(
      faultOf(
        await admitOpen(
          await opening({ clientAssertion, subjectToken }),
          await http(),
          context,
          NOW,
        ),
      ),
    ).toEqual({ of: "agent", fault: "replayed" });
    expect(
      faultOf(await admitOpen(await opening({ subjectToken }), await http(), context, NOW)),
    ).toBe("ok");
  });

  it("spends nothing for a request that is refused for another reason", async () => {
    const context = exchangeContext();
    const attempts = [
      [
        await opening(),
        { ...(await http()), proof: null },
        { of: "proof", fault: "proof_missing" },
      ],
      [await opening(), { ...(await http()), proof: "a.b.c" }, { of: "proof", fault: "malformed" }],
      [await opening({ clientAssertion: "x" }), await http(), { of: "agent", fault: "malformed" }],
      [await opening({ subjectToken: "x" }), await http(), { of: "human", fault: "malformed" }],
      [
        await opening({ subjectToken: humanToken({ aud: "other" }) }),
        await http(),
        { of: "human", fault: "audience_mismatch" },
      ],
    ] as const;
    for (const [exchange, request, fault] of attempts) {
      expect(faultOf(await admitOpen(exchange, request, context, NOW))).toEqual(fault);
    }
    expect(context.spent.spent).toEqual([]);
  });

  it("fails closed while the provider cannot be asked", async () => {
    const context = { ...exchangeContext(), idpKeys: { ringFor: async () => null } };
    expect(faultOf(await admitOpen(await opening(), await http(), context, NOW))).toEqual({
      of: "human",
      fault: "keys_unavailable",
    });
  });

  it("refuses an agent assertion where the human's belongs, and the other way round", async () => {
    const context = exchangeContext();
    const clientAssertion = await support.assertion(url, NOW);
    expect(
      faultOf(
        await admitOpen(
          await opening({ subjectToken: clientAssertion }),
          await http(),
          context,
          NOW,
        ),
      ),
    ).toMatchObject({ of: "human" });
    expect(
      faultOf(
        await admitOpen(
          await opening({ clientAssertion: humanToken() }),
          await http(),
          context,
          NOW,
        ),
      ),
    ).toMatchObject({ of: "agent" });
  });
});

describe("renewing", () => {
  async function credential(context = exchangeContext()): Promise<string> {
    const opened = await admitOpen(await opening(), await http(), context, NOW);
    if (!opened.ok) throw new Error("not opened");
    const { human, agent, jkt } = opened.opener;
    const grant = { tenant: "acme", workflow: "wf_1", seat: "seat_1", human, agent, jkt, jti: "j" };
    const minted = mintCredential(
      { ...grant, now: NOW, seatExpiresAt: NOW + 3_600_000 },
      context.credentials,
      signingKey,
    );
    return minted?.token ?? "";
  }

  async function renewing(subjectToken: string, by = support) {
    return { kind: "renew" as const, subjectToken, clientAssertion: await by.assertion(url, NOW) };
  }

  it("needs the seat's credential, its agent and its key", async () => {
    const context = exchangeContext();
    const token = await credential(context);
    expect(await admitRenew(await renewing(token), await http(), context, NOW)).toMatchObject({
      ok: true,
      caller: { workflow: "wf_1", seat: "seat_1", agent: "support-agent" },
    });
    expect(
      faultOf(
        await admitRenew(
          await renewing(token),
          await http(await ProofKey.generate()),
          context,
          NOW,
        ),
      ),
    ).toEqual({ of: "seat", fault: "key_mismatch" });
    expect(
      faultOf(await admitRenew(await renewing(token, ops), await http(), context, NOW)),
    ).toEqual({
      of: "seat",
      fault: "agent_mismatch",
    });
  });

  it("is refused with a human assertion", async () => {
    const exchange = await renewing(humanToken());
    const result = await admitRenew(exchange, await http(), exchangeContext(), NOW);
    expect(faultOf(result)).toMatchObject({ of: "seat" });
  });

  it("brings back an agent that slept past its credential, but not past any workflow", async () => {
    const context = exchangeContext();
    const subjectToken = await credential(context);
    const lifeEnd = NOW + 900_000 + 8 * 3_600_000;
    for (const [at, verdict] of [
      [NOW + 900_000, "ok"],
      [lifeEnd - 1, "ok"],
      [lifeEnd, { of: "seat", fault: "expired" }],
    ] as const) {
      const proof = await proofKey.prove({ method: "POST", url, now: at });
      const clientAssertion = await support.assertion(url, at);
      const exchange = { kind: "renew" as const, subjectToken, clientAssertion };
      const result = await admitRenew(exchange, { method: "POST", url, proof }, context, at);
      expect(faultOf(result)).toEqual(verdict);
    }
  });

  it("takes an agent assertion once", async () => {
    const context = exchangeContext();
    const exchange = await renewing(await credential(context));
    expect(faultOf(await admitRenew(exchange, await http(), context, NOW))).toBe("ok");
    expect(faultOf(await admitRenew(exchange, await http(), context, NOW))).toEqual({
      of: "agent",
      fault: "replayed",
    });
  });
});
