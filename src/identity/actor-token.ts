import { ACTOR_TOKEN_TYPE } from "./oauth-names.ts";
import { type AgentFault, type AgentRings, verifySignedByAgent } from "./client-assertion.ts";

export interface ActorToken {
  readonly agent: string;
  /** RFC 7638 thumbprint of the key that the seat is to be bound to. */
  readonly jkt: string;
  /** Digest under which it is spent. */
  readonly id: string;
  /** Milliseconds. */
  readonly forgetAt: number;
}

export type ActorFault = AgentFault | "binding_missing" | "workflow_mismatch";

export type ActorResult =
  | { readonly ok: true; readonly actor: ActorToken }
  | { readonly ok: false; readonly fault: ActorFault };

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/**
 * RFC 8693 `actor_token`: an agent's own word that it takes a seat of this workflow, with this key.
 * An assertion in every respect but its type: whoever is handed one to give a seat for it could
 * otherwise sign in as that agent, and with a seat of another workflow it could be led astray.
 */
export function verifyActorToken(
  token: string,
  rings: AgentRings,
  audiences: readonly string[],
  workflow: string,
  now: number,
): ActorResult {
  const verified = verifySignedByAgent(token, [ACTOR_TOKEN_TYPE], rings, audiences, now);
  if (!verified.ok) return verified;
  const { claims, assertion } = verified;
  const cnf: unknown = claims["cnf"];
  const jkt = typeof cnf === "object" && cnf !== null && "jkt" in cnf ? cnf.jkt : undefined;
  if (typeof jkt !== "string" || !THUMBPRINT.test(jkt))
    return { ok: false, fault: "binding_missing" };
  if (claims["workflow"] !== workflow) return { ok: false, fault: "workflow_mismatch" };
  const { agent, id, forgetAt } = assertion;
  return { ok: true, actor: { agent, jkt, id, forgetAt } };
}
