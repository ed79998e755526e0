import { importPrivateKey, signCompact, type PrivateKey, type PrivateKeyJwk } from "./sign.ts";

/** Not that of an assertion: neither may stand in for the other. */
const ACTOR_TOKEN_TYPE = "postern-actor+jwt";
/** Seconds. Used at once; the gateway accepts at most 60. */
const ASSERTION_LIFE_S = 30;

/** An agent's own key, known to the gateway from the bundle: it says which agent is asking. */
export class AgentKey {
  readonly agent: string;
  readonly #key: PrivateKey;
  readonly #kid: string;

  private constructor(agent: string, key: PrivateKey, kid: string) {
    this.agent = agent;
    this.#key = key;
    this.#kid = kid;
  }

  static async import(agent: string, jwk: PrivateKeyJwk): Promise<AgentKey> {
    if (jwk.kid === undefined) throw new TypeError("the agent's key needs the kid of the bundle");
    return new AgentKey(agent, await importPrivateKey(jwk), jwk.kid);
  }

  /** RFC 7523, single use. `audience`: the token endpoint. */
  assertion(audience: string, now: number): Promise<string> {
    return this.#sign("JWT", audience, now, {});
  }

  /** RFC 8693 `actor_token`: this agent takes a seat of that workflow, bound to that key. Single use. */
  actorToken(
    audience: string,
    { workflow, jkt }: { readonly workflow: string; readonly jkt: string },
    now: number,
  ): Promise<string> {
    return this.#sign(ACTOR_TOKEN_TYPE, audience, now, { workflow, cnf: { jkt } });
  }

  #sign(typ: string, audience: string, now: number, more: object): Promise<string> {
    const iat = Math.floor(now / 1_000);
    const claims = {
      ...more,
      iss: this.agent,
      sub: this.agent,
      aud: audience,
      jti: crypto.randomUUID(),
      iat,
      exp: iat + ASSERTION_LIFE_S,
    };
    return signCompact({ typ, kid: this.#kid }, claims, this.#key);
  }
}
