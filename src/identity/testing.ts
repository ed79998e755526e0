import { Lru } from "./lru.ts";
import { fixedKeys } from "../sdk/keys.ts";
import { forge, testKey } from "../sdk/testing.ts";
import type { ExchangeContext } from "./admit.ts";
import type { AgentRings } from "./client-assertion.ts";
import { createProofMemory } from "./dpop.ts";
import { generatePrivateJwk, importKeys, importSigningKey, publicJwks, ringOf } from "./keys.ts";
import { issuerOf, resourceOf, tokenEndpointOf } from "./metadata.ts";
import { SpentProofs, type SpentAssertions } from "./spent.ts";

/** For tests: one tenant with a provider, two agents and its keys, all in memory. */
export const NOW_S = 1_800_000_000;
export const NOW = NOW_S * 1_000;
export const place = { publicUrl: "https://postern.example", tenant: "acme" };
export const idpKey = testKey("ES256", "idp-1");
export const supportKey = testKey("EdDSA", "support-1");
export const opsKey = testKey("ES256", "ops-1");
export const signingKey = importSigningKey({ ...generatePrivateJwk() });

const idp = {
  issuer: "https://idp.example",
  audience: "postern",
  algorithms: ["ES256"],
} as const;

function ring(jwk: object, accepted: readonly ("EdDSA" | "ES256")[]) {
  const imported = importKeys({ keys: [jwk] }, accepted);
  if (!imported.ok) throw new Error("test key");
  return imported.ring;
}

const agents = new Map([
  ["support-agent", ring(supportKey.jwk, ["EdDSA"])],
  ["ops-agent", ring(opsKey.jwk, ["ES256"])],
]);
const rings: AgentRings = (agent) => agents.get(agent);

export class MemoryAssertions implements SpentAssertions {
  readonly spent: string[] = [];

  async spend(kind: "human" | "agent", tenant: string, id: string): Promise<boolean> {
    const entry = `${kind} ${tenant} ${id}`;
    if (this.spent.includes(entry)) return false;
    this.spent.push(entry);
    return true;
  }
}

export function exchangeContext(startedAt = NOW - 60_000): ExchangeContext & {
  readonly spent: MemoryAssertions;
} {
  return {
    tenant: place.tenant,
    audiences: [tokenEndpointOf(place), issuerOf(place)],
    idp,
    idpKeys: { ringFor: async () => ring(idpKey.jwk, ["ES256"]) },
    access: null,
    agents: rings,
    credentials: {
      tenant: place.tenant,
      issuer: issuerOf(place),
      resource: resourceOf(place),
      ring: () => ringOf([signingKey]),
      cache: new Lru(100),
    },
    callKeys: fixedKeys(publicJwks([signingKey])),
    proofs: createProofMemory(startedAt, "nonce-1", new SpentProofs()),
    spent: new MemoryAssertions(),
    pseudonymKey: Buffer.alloc(32, 7),
  };
}

export function humanToken(over: object = {}): string {
  const claims = {
    iss: idp.issuer,
    sub: "dana",
    aud: idp.audience,
    iat: NOW_S,
    exp: NOW_S + 300,
    groups: ["support"],
  };
  return forge({ alg: "ES256", kid: "idp-1" }, { ...claims, ...over }, idpKey);
}
