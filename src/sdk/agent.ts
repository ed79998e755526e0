import { importPrivateKey, signCompact, type PrivateKey, type PrivateKeyJwk } from "./sign.ts";

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
    const iat = Math.floor(now / 1_000);
    const claims = {
      iss: this.agent,
      sub: this.agent,
      aud: audience,
      jti: crypto.randomUUID(),
      iat,
      exp: iat + ASSERTION_LIFE_S,
    };
    return signCompact({ typ: "JWT", kid: this.#kid }, claims, this.#key);
  }
}
