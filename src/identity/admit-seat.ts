import { checkToken } from "../sdk/verify-token.ts";
import { verifyActorToken } from "./actor-token.ts";
import {
  type Admitted,
  type ExchangeContext,
  type ExchangeHttp,
  attributed,
  misfitOf,
  provePresenter,
  replayedAgent,
  spendAgent,
} from "./admit.ts";
import { verifyCredential, type Caller } from "./credential.ts";
import type { CallExchange, DelegateExchange } from "./exchange.ts";
import { provedKey } from "./suspicion.ts";

/** Who takes a seat, and with which key. */
export interface Taker {
  readonly agent: string;
  /** RFC 7638 thumbprint. */
  readonly jkt: string;
}

/**
 * A seat needs two signatures: the giver's, as in a renewal, and that of the agent who takes it. The
 * giver never holds the taker's key, and nobody is given a seat they did not ask for.
 */
export async function admitDelegate(
  exchange: DelegateExchange,
  http: ExchangeHttp,
  context: ExchangeContext,
  now: number,
): Promise<Admitted<{ readonly giver: Caller; readonly taker: Taker }>> {
  const presenter = provePresenter(exchange.clientAssertion, http, context, now);
  const credentialOf = () => verifyCredential(exchange.subjectToken, context.credentials, now);
  if (!presenter.ok) return attributed(presenter, credentialOf);
  const credential = credentialOf();
  if (!credential.ok) return { ok: false, fault: { of: "seat", fault: credential.fault } };
  const giver = credential.caller;
  const misfit = misfitOf(giver, presenter);
  if (misfit !== null) return misfit;
  const { actorToken } = exchange;
  const verified = verifyActorToken(
    ...([actorToken, context.agents, context.audiences, giver.workflow, now] as const),
  );
  if (!verified.ok) return { ok: false, fault: { of: "actor", fault: verified.fault } };
  const { actor } = verified;
  if (!(await spendAgent(presenter, context))) return replayedAgent(presenter, giver);
  if (!(await spendAgent({ assertion: actor }, context))) {
    const proved = provedKey(presenter.jkt);
    const suspicion = { code: "token_replayed", caller: giver, proved } as const;
    return { ok: false, fault: { of: "actor", fault: "replayed" }, suspicion };
  }
  return { ok: true, giver, taker: { agent: actor.agent, jkt: actor.jkt } };
}

/**
 * The call token itself says for which call; that it is under way, that the tool is this agent and
 * that its token was not exchanged before, the session knows.
 */
export async function admitCall(
  exchange: CallExchange,
  http: ExchangeHttp,
  context: ExchangeContext,
  now: number,
): Promise<Admitted<{ readonly workflow: string; readonly call: string; readonly taker: Taker }>> {
  const presenter = provePresenter(exchange.clientAssertion, http, context, now);
  if (!presenter.ok) return presenter;
  const { issuer } = context.credentials;
  const { tenant, callKeys: keys } = context;
  const expected = { keys, issuer, audience: issuer, tenant, now };
  const checked = await checkToken(exchange.subjectToken, expected);
  if (!checked.ok) return { ok: false, fault: { of: "call", fault: checked.code } };
  if (!(await spendAgent(presenter, context))) return replayedAgent(presenter, null);
  const { agent, jkt } = presenter;
  return { ok: true, workflow: checked.workflow, call: checked.call, taker: { agent, jkt } };
}
