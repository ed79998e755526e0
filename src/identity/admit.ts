import type { JsonObject } from "../core/model/json.ts";
import { verifyAgentAssertion, type AgentRings } from "./client-assertion.ts";
import { verifyForRenewal, type Caller, type CredentialContext } from "./credential.ts";
import { verifyProof, type ProofMemory } from "./dpop.ts";
import type { OpenExchange, RenewExchange } from "./exchange.ts";
import type { IdpKeys } from "./idp-keys.ts";
import { humanAssertionKid, humanPseudonym, verifyHumanAssertion, type IdpConfig } from "./oidc.ts";
import { singleProof } from "./request.ts";
import type { SpentAssertions } from "./spent.ts";
import type { ExchangeFault } from "./wire.ts";

/** One tenant's side of a token exchange. */
export interface ExchangeContext {
  readonly tenant: string;
  /** Token endpoint and issuer: what an agent assertion may be addressed to. */
  readonly audiences: readonly string[];
  readonly idp: IdpConfig;
  readonly idpKeys: IdpKeys;
  readonly agents: AgentRings;
  readonly credentials: CredentialContext;
  readonly proofs: ProofMemory;
  readonly spent: SpentAssertions;
  /** Keys the pseudonyms of this tenant's humans. */
  readonly pseudonymKey: Uint8Array;
}

export interface ExchangeHttp {
  readonly method: string;
  /** External URL of the endpoint, from configuration. */
  readonly url: string;
  /** The DPoP header as Fetch gives it. */
  readonly proof: string | null;
}

/** Who opens: what `openWorkflow` needs of identity. */
export interface Opener {
  readonly human: string;
  readonly claims: JsonObject;
  readonly agent: string;
  readonly jkt: string;
}

type Admitted<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly fault: ExchangeFault };

/**
 * Proof, agent, human, in this order, and only then are the two assertions spent, the human's last:
 * a request that fails for another reason must not use up a person's sign-in.
 */
export async function admitOpen(
  exchange: OpenExchange,
  http: ExchangeHttp,
  context: ExchangeContext,
  now: number,
): Promise<Admitted<{ readonly opener: Opener }>> {
  const presenter = provePresenter(exchange.clientAssertion, http, context, now);
  if (!presenter.ok) return presenter;
  const named = humanAssertionKid(exchange.subjectToken);
  if (!named.ok) return no({ of: "human", fault: named.fault });
  const ring = await context.idpKeys.ringFor(named.kid, now);
  if (ring === null) return no({ of: "human", fault: "keys_unavailable" });
  const human = verifyHumanAssertion(exchange.subjectToken, context.idp, ring, now);
  if (!human.ok) return no({ of: "human", fault: human.fault });
  const { issuer, subject, claims, id, forgetAt } = human.assertion;
  if (!(await spendAgent(presenter, context))) return no({ of: "agent", fault: "replayed" });
  if (!(await context.spent.spend("human", context.tenant, id, forgetAt))) {
    return no({ of: "human", fault: "replayed" });
  }
  return {
    ok: true,
    opener: {
      human: humanPseudonym(context.pseudonymKey, issuer, subject),
      claims,
      agent: presenter.agent,
      jkt: presenter.jkt,
    },
  };
}

/** The seat's own credential, its own agent, its own key: a renewal can change hands nowhere. */
export async function admitRenew(
  exchange: RenewExchange,
  http: ExchangeHttp,
  context: ExchangeContext,
  now: number,
): Promise<Admitted<{ readonly caller: Caller }>> {
  const presenter = provePresenter(exchange.clientAssertion, http, context, now);
  if (!presenter.ok) return presenter;
  const credential = verifyForRenewal(exchange.subjectToken, context.credentials, now);
  if (!credential.ok) return no({ of: "seat", fault: credential.fault });
  if (credential.caller.agent !== presenter.agent)
    return no({ of: "seat", fault: "agent_mismatch" });
  if (credential.caller.jkt !== presenter.jkt) return no({ of: "seat", fault: "key_mismatch" });
  if (!(await spendAgent(presenter, context))) return no({ of: "agent", fault: "replayed" });
  return credential;
}

interface PresenterProof {
  readonly agent: string;
  readonly jkt: string;
  readonly assertion: { readonly id: string; readonly forgetAt: number };
}

function provePresenter(
  clientAssertion: string,
  http: ExchangeHttp,
  context: ExchangeContext,
  now: number,
): Admitted<PresenterProof> {
  const single = singleProof(http.proof);
  if (!single.ok) return no({ of: "proof", fault: single.fault });
  const { method, url } = http;
  const expected = { method, url, accessToken: null, now };
  const proof = verifyProof(single.value, expected, context.proofs);
  if (!proof.ok) return no({ of: "proof", fault: proof.fault });
  const agent = verifyAgentAssertion(clientAssertion, context.agents, context.audiences, now);
  if (!agent.ok) return no({ of: "agent", fault: agent.fault });
  const { id, forgetAt } = agent.assertion;
  return { ok: true, agent: agent.assertion.agent, jkt: proof.jkt, assertion: { id, forgetAt } };
}

function spendAgent(
  { assertion }: PresenterProof,
  { spent, tenant }: ExchangeContext,
): Promise<boolean> {
  return spent.spend("agent", tenant, assertion.id, assertion.forgetAt);
}

function no(fault: ExchangeFault): { readonly ok: false; readonly fault: ExchangeFault } {
  return { ok: false, fault };
}
