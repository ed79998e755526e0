import { generateKeyPairSync } from "node:crypto";
import { agentKeyThumbprint } from "../../policy/bundle/agents.ts";
import type { AgentKeyPair } from "./render.ts";

/** A fresh key pair; its name is its thumbprint, so no two have the same. */
export function newAgentKey(): AgentKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const { d = "" } = privateKey.export({ format: "jwk" });
  const material = { kty: "OKP", crv: "Ed25519", x, alg: "EdDSA" } as const;
  const publicJwk = { kid: agentKeyThumbprint({ kid: "", ...material }), ...material };
  return { publicJwk, privateJwk: { ...publicJwk, d } };
}
