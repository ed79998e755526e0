import { createHash } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { canonical } from "../../src/core/model/json.ts";
import { fixedKeys, MemorySpentStore } from "../../src/sdk/verify.ts";
import type { Trust } from "./guard.ts";

const ISSUER = "http://gateway.example/acme";

export interface Asked {
  readonly tool: string;
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly body?: string;
}

/** Stands in for the gateway: whom a service trusts, and call tokens as the gateway mints them. */
export class CallTokens {
  readonly trust: Trust;
  readonly #destination: string;
  readonly #key: CryptoKey;
  #next = 0;

  private constructor(destination: string, key: CryptoKey, jwk: object) {
    this.#destination = destination;
    this.#key = key;
    this.trust = {
      keys: fixedKeys({ keys: [jwk as JsonWebKey] }),
      issuer: ISSUER,
      audience: ISSUER,
      tenant: "acme",
      destination,
      spent: new MemorySpentStore(),
    };
  }

  static async for(destination: string): Promise<CallTokens> {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA");
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "EdDSA" };
    return new CallTokens(destination, privateKey, jwk);
  }

  /** docs/protocol/tokens.md */
  mint({ tool, method, target, body }: Asked): Promise<string> {
    const [path = "", query = ""] = target.split("?");
    const contentDigest = body === undefined ? null : sha256(body);
    const http = { method, destination: this.#destination, path, query, contentDigest };
    return new SignJWT({
      txn: `txn_${this.#next++}`,
      sub: "hum_1",
      act: { sub: "support-agent", sub_profile: "ai_agent" },
      scope: `tool:${tool}`,
      req_wl: "con_1/s1",
      tctx: {
        tenant: "acme",
        workflow: "wf_1",
        call: "call_1",
        network: "acme",
        tier: "internal",
        policy_version: sha256("bundle"),
        mode: "execute",
        operation: sha256(canonical({ http })),
        preview: null,
        record: sha256("admission"),
        lock_epoch: 0,
      },
    })
      .setProtectedHeader({ typ: "txntoken+jwt", alg: "EdDSA", kid: "k1" })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setIssuedAt()
      .setExpirationTime("10s")
      .sign(this.#key);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
