import { describe, expect, it } from "vitest";
import { AgentKey } from "../sdk/agent.ts";
import { ProofKey } from "../sdk/proof.ts";
import type { PrivateKeyJwk } from "../sdk/sign.ts";
import { admitOpen, admitRenew, type ExchangeHttp } from "./admit.ts";
import { createCredentialContext, mintCredential, ownerElsewhere } from "./credential.ts";
import { generatePrivateJwk, importSigningKey, ringOf } from "./keys.ts";
import { issuerOf, resourceOf, tokenEndpointOf } from "./metadata.ts";
import { authenticateRequest } from "./request.ts";
import { SUSPICION_MESSAGES, SUSPICIONS } from "./suspicion.ts";
import {
  exchangeContext,
  humanToken,
  NOW,
  opsKey,
  place,
  signingKey,
  supportKey,
} from "./testing.ts";

const url = tokenEndpointOf(place);
const calls = `${issuerOf(place)}/v1/workflows/wf_1/calls`;
const keyOf = (key: { privateJwk: object }): PrivateKeyJwk => key.privateJwk as PrivateKeyJwk;
const support = await AgentKey.import("support-agent", keyOf(supportKey));
const ops = await AgentKey.import("ops-agent", keyOf(opsKey));
const [own, another] = [await ProofKey.generate(), await ProofKey.generate()];
const jkt = await own.thumbprint();
const anotherJkt = await another.thumbprint();
const CALLER = {
  ...{ tenant: "acme", workflow: "wf_1", seat: "seat_1", agent: "support-agent", human: "h" },
  jkt,
};
const credential = mintCredential(
  { ...CALLER, jti: "j", now: NOW, seatExpiresAt: NOW + 3_600_000 },
  exchangeContext().credentials,
  signingKey,
)!.token;

const suspicionOf = (result: object): unknown => ("suspicion" in result ? result.suspicion : null);
const key = (value: string) => ({ target: "key", value });

describe("what a refused request shows", () => {
  const prove = (by = own, token = credential): Promise<string> =>
    by.prove({ method: "POST", url: calls, now: NOW, credential: token });

  function asking(context = exchangeContext()) {
    return (proof: string | null, token = credential) =>
      authenticateRequest(
        { method: "POST", url: calls, authorization: `DPoP ${token}`, proof },
        context.credentials,
        context.proofs,
        NOW,
      );
  }

  it("a proof that was used: a replay in that workflow, by somebody who proved nothing", async () => {
    const ask = asking();
    const proof = await prove();
    expect(ask(proof).ok).toBe(true);
    expect(suspicionOf(ask(proof))).toEqual({
      code: "token_replayed",
      caller: CALLER,
      proved: null,
    });
  });

  it("another key: out of its context, by whoever has that key", async () => {
    const ask = asking();
    const proof = await prove(another);
    const shown = { code: "context_mismatch", caller: CALLER };
    expect(suspicionOf(ask(proof))).toEqual({ ...shown, proved: key(anotherJkt) });
    // The same again is a copy, and still of another key.
    expect(suspicionOf(ask(proof))).toEqual({ ...shown, proved: null });
  });

  it("nothing of a stranger, who can make up all there is to it", async () => {
    const ask = asking();
    const [head, claims] = credential.split(".");
    const forged = `${head}.${claims}.${Buffer.alloc(64, 1).toString("base64url")}`;
    const proof = await prove(another, forged);
    for (const [given, token] of [
      [proof, forged],
      [proof, forged],
      [null, credential],
      ["a.b.c", credential],
      [await prove(own, "another credential"), credential],
    ] as const) {
      const refused = ask(given, token);
      expect([refused.ok, suspicionOf(refused)]).toEqual([false, null]);
    }
  });

  it("at another tenant, where it looks like garbage: whose it is, for that tenant alone", async () => {
    const place2 = { ...place, tenant: "globex" };
    const keys = importSigningKey({ ...generatePrivateJwk() });
    const globex = createCredentialContext({
      ...{ tenant: "globex", issuer: issuerOf(place2), resource: resourceOf(place2) },
      ring: () => ringOf([keys]),
    });
    const acme = exchangeContext().credentials;
    expect(ownerElsewhere(credential, [globex, acme], NOW)).toEqual(CALLER);
    expect(ownerElsewhere(credential, [globex], NOW)).toBe(null);
    // Old, forged, or not a credential at all.
    expect(ownerElsewhere(credential, [acme], NOW + 900_000)).toBe(null);
    const [head, claims] = credential.split(".");
    expect(ownerElsewhere(`${head}.${claims}.AAAA`, [acme], NOW)).toBe(null);
    expect(ownerElsewhere("garbage", [acme], NOW)).toBe(null);
  });
});

describe("what a refused exchange shows", () => {
  async function http(by = own): Promise<ExchangeHttp> {
    return { method: "POST", url, proof: await by.prove({ method: "POST", url, now: NOW }) };
  }
  async function opening(over: object = {}) {
    const clientAssertion = await support.assertion(url, NOW);
    const ask = { purpose: "support-case", inputs: {} };
    return {
      kind: "open" as const,
      signedInBy: "idp" as const,
      subjectToken: humanToken(),
      clientAssertion,
      ask,
      ...over,
    };
  }
  async function renewing(over: object = {}) {
    const clientAssertion = await support.assertion(url, NOW);
    return { kind: "renew" as const, subjectToken: credential, clientAssertion, ...over };
  }
  const replayed = (caller: object | null, proved: object | null) => ({
    code: "token_replayed",
    caller,
    proved,
  });

  it("a sign-in that was used: by the agent that just signed", async () => {
    const context = exchangeContext();
    const subjectToken = humanToken();
    await admitOpen(await opening({ subjectToken }), await http(), context, NOW);
    const again = await admitOpen(await opening({ subjectToken }), await http(), context, NOW);
    const agent = { target: "agent", value: "support-agent" };
    expect(suspicionOf(again)).toEqual(replayed(null, agent));
  });

  it("an assertion that was used: by whoever has the key of the proof, not by its agent", async () => {
    const context = exchangeContext();
    const used = { clientAssertion: await support.assertion(url, NOW) };
    await admitOpen(await opening(used), await http(), context, NOW);
    const again = await admitOpen(await opening(used), await http(another), context, NOW);
    expect(suspicionOf(again)).toEqual(replayed(null, key(anotherJkt)));
    const renewed = await admitRenew(await renewing(used), await http(), context, NOW);
    expect(suspicionOf(renewed)).toEqual(replayed(CALLER, key(jkt)));
  });

  it("a request that was copied whole: a replay by somebody who proved nothing", async () => {
    const context = exchangeContext();
    const [open, renew] = [await opening(), await renewing()];
    const [first, second] = [await http(), await http()];
    expect((await admitOpen(open, first, context, NOW)).ok).toBe(true);
    expect(suspicionOf(await admitOpen(open, first, context, NOW))).toEqual(replayed(null, null));
    expect((await admitRenew(renew, second, context, NOW)).ok).toBe(true);
    const again = await admitRenew(renew, second, context, NOW);
    expect(suspicionOf(again)).toEqual(replayed(CALLER, null));
  });

  it("a credential with another agent or key, and one key with two agents", async () => {
    const context = exchangeContext();
    const theirs = { clientAssertion: await ops.assertion(url, NOW) };
    const renew = async (over: object, by: ProofKey) =>
      suspicionOf(await admitRenew(await renewing(over), await http(by), context, NOW));
    const mismatch = { code: "context_mismatch", caller: CALLER, proved: key(anotherJkt) };
    expect(await renew({}, another)).toEqual(mismatch);
    expect(await renew(theirs, another)).toEqual(mismatch);
    expect(await renew(theirs, own)).toEqual({
      code: "key_shared",
      caller: CALLER,
      proved: key(jkt),
    });
  });

  it("nothing of a stranger: a proof of their own, sent twice, or tokens that nobody signed", async () => {
    const context = exchangeContext();
    const request = await http(another);
    for (const over of [
      { clientAssertion: "x" },
      { clientAssertion: humanToken() },
      { clientAssertion: await support.assertion("https://another.example", NOW) },
    ]) {
      for (const answer of [
        await admitOpen(await opening(over), request, context, NOW),
        await admitRenew(await renewing(over), request, context, NOW),
      ]) {
        expect([answer.ok, suspicionOf(answer)]).toEqual([false, null]);
      }
    }
    const garbage = await admitOpen(
      await opening({ subjectToken: "x" }),
      await http(another),
      context,
      NOW,
    );
    expect(suspicionOf(garbage)).toBe(null);
    expect(context.spent.spent).toEqual([]);
  });
});

describe("the words for it", () => {
  it("are one sentence or two for each code", () => {
    expect([...SUSPICIONS]).toEqual(["token_replayed", "context_mismatch", "key_shared"]);
    expect(Object.keys(SUSPICION_MESSAGES)).toEqual([...SUSPICIONS]);
    for (const text of Object.values(SUSPICION_MESSAGES)) {
      expect(text).toMatch(/^[A-Z][^{}$%<>]{10,}\.$/);
    }
  });
});
