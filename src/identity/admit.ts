import type { JsonObject } from "../core/model/json.ts";
import type { KeyRing } from "../sdk/key-cache.ts";
import type { KeySource } from "../sdk/keys.ts";
import { type AccessConfig, verifyAccessAssertion } from "./access.ts";
import { verifyAgentAssertion, type AgentRings } from "./client-assertion.ts";
import {
  verifyForRenewal,
  type Caller,
  type CredentialContext,
  type CredentialResult,
} from "./credential.ts";
import { verifyProof, type ProofMemory } from "./dpop.ts";
import type { OpenExchange, RenewExchange } from "./exchange.ts";
import type { IdpKeys } from "./idp-keys.ts";
import type { VerifyKey } from "./keys.ts";
import {
  humanAssertionKid,
  humanPseudonym,
  type HumanResult,
  type IdpConfig,
  verifyHumanAssertion,
} from "./oidc.ts";
import { singleProof } from "./request.ts";
import type { SpentAssertions } from "./spent.ts";
import { provedKey, type Suspicion } from "./suspicion.ts";
import type { ExchangeFault } from "./wire.ts";

/** One tenant's side of a token exchange. */
export interface ExchangeContext {
  readonly tenant: string;
  /** Token endpoint and issuer: what an agent assertion may be addressed to. */
  readonly audiences: readonly string[];
  readonly idp: IdpConfig;
  readonly idpKeys: IdpKeys;
  /** Access in front of this gateway, and its keys; null: what its header says counts for nothing. */
  readonly access: (AccessConfig & { readonly keys: IdpKeys }) | null;
  readonly agents: AgentRings;
  readonly credentials: CredentialContext;
  /** What verifies our own call tokens. */
  readonly callKeys: KeySource;
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

export type Admitted<T> = ({ readonly ok: true } & T) | Refused;

export interface Refused {
  readonly ok: false;
  readonly fault: ExchangeFault;
  readonly suspicion?: Suspicion;
}

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
  const door = doorOf(exchange, context);
  const ring = await door.keys.ringFor(named.kid, now);
  if (ring === null) return no({ of: "human", fault: "keys_unavailable" });
  const human = door.verify(exchange.subjectToken, ring, now);
  if (!human.ok) return no({ of: "human", fault: human.fault });
  const { issuer, subject, claims, id, forgetAt } = human.assertion;
  if (!(await spendAgent(presenter, context))) return replayedAgent(presenter, null);
  if (!(await context.spent.spend("human", context.tenant, id, forgetAt))) {
    // The agent's own signature is fresh: it shows a sign-in that was used.
    const proved = { target: "agent", value: presenter.agent } as const;
    const suspicion = { code: "token_replayed", caller: null, proved } as const;
    return no({ of: "human", fault: "replayed" }, suspicion);
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

interface HumanDoor {
  readonly keys: IdpKeys;
  verify(token: string, ring: KeyRing<VerifyKey>, now: number): HumanResult;
}

/** Each says who a human is by keys, issuer and audience of its own: no token of one passes at the other. */
function doorOf(
  { signedInBy }: OpenExchange,
  { idp, idpKeys, access }: ExchangeContext,
): HumanDoor {
  if (signedInBy === "access" && access !== null) {
    return {
      keys: access.keys,
      verify: (token, ring, now) => verifyAccessAssertion(token, access, ring, now),
    };
  }
  return {
    keys: idpKeys,
    verify: (token, ring, now) => verifyHumanAssertion(token, idp, ring, now),
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
  const credentialOf = () => verifyForRenewal(exchange.subjectToken, context.credentials, now);
  if (!presenter.ok) return attributed(presenter, credentialOf);
  const credential = credentialOf();
  if (!credential.ok) return no({ of: "seat", fault: credential.fault });
  const misfit = misfitOf(credential.caller, presenter);
  if (misfit !== null) return misfit;
  if (!(await spendAgent(presenter, context))) return replayedAgent(presenter, credential.caller);
  return credential;
}

/** A credential is for its own agent and its own key; null: both are here. */
export function misfitOf(caller: Caller, { agent, jkt }: PresenterProof): Refused | null {
  if (caller.agent === agent && caller.jkt === jkt) return null;
  const sameKey = caller.jkt === jkt;
  return no(
    { of: "seat", fault: caller.agent === agent ? "key_mismatch" : "agent_mismatch" },
    { code: sameKey ? "key_shared" : "context_mismatch", caller, proved: provedKey(jkt) },
  );
}

export interface PresenterProof {
  readonly agent: string;
  readonly jkt: string;
  readonly assertion: { readonly id: string; readonly forgetAt: number };
}

export function provePresenter(
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
  const fault = proof.ok ? null : ({ of: "proof", fault: proof.fault } as const);
  if (fault !== null && fault.fault !== "replayed") return no(fault);
  const agent = verifyAgentAssertion(clientAssertion, context.agents, context.audiences, now);
  // Anybody can send a proof of their own twice; with an agent's signature it was copied.
  if (!agent.ok) return no(fault ?? { of: "agent", fault: agent.fault });
  if (!proof.ok) {
    const suspicion = { code: "token_replayed", caller: null, proved: null } as const;
    return no({ of: "proof", fault: "replayed" }, suspicion);
  }
  const { id, forgetAt } = agent.assertion;
  return { ok: true, agent: agent.assertion.agent, jkt: proof.jkt, assertion: { id, forgetAt } };
}

export function spendAgent(
  { assertion }: Pick<PresenterProof, "assertion">,
  { spent, tenant }: ExchangeContext,
): Promise<boolean> {
  return spent.spend("agent", tenant, assertion.id, assertion.forgetAt);
}

/** Used before, by whoever made it or by whoever copied it: only the key is proved now. */
export function replayedAgent({ jkt }: PresenterProof, caller: Caller | null): Refused {
  const suspicion = { code: "token_replayed", caller, proved: provedKey(jkt) } as const;
  return no({ of: "agent", fault: "replayed" }, suspicion);
}

/** A request that was copied whole names its workflow by the credential in it. */
export function attributed(refused: Refused, credentialOf: () => CredentialResult): Refused {
  const { suspicion } = refused;
  const credential = suspicion === undefined ? null : credentialOf();
  return suspicion === undefined || credential?.ok !== true
    ? refused
    : { ...refused, suspicion: { ...suspicion, caller: credential.caller } };
}

function no(fault: ExchangeFault, suspicion?: Suspicion): Refused {
  return { ok: false, fault, ...(suspicion && { suspicion }) };
}
