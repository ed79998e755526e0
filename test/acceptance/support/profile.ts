import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exportJWK } from "jose";
import type { World } from "./world.ts";

/** What `postern connect` and `postern call make` need to know, in a file of its own. */
export async function profileFile(
  { folder, signInCommand, agent, host }: World,
  name: string,
): Promise<string> {
  const jwk = { ...(await exportJWK(agent.assertionKey.privateKey)), kid: agent.assertionKey.kid };
  const at = (file: string): string => join(folder, `${name}-${file}`);
  writeFileSync(at("agent.json"), JSON.stringify(jwk), { mode: 0o600 });
  const profile = {
    gateway: host.urls.gateway,
    tenant: "acme",
    agent: agent.id,
    agentKey: at("agent.json"),
    purpose: "lab",
    // A command, because a client may start us twice: once to ask which era we speak.
    human: { command: signInCommand },
  };
  writeFileSync(at("profile.jsonc"), JSON.stringify(profile));
  return at("profile.jsonc");
}
