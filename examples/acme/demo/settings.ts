import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CLIENT_ID } from "../idp/client.ts";
import type { Workspace } from "./workspace.ts";

/** The files that a user of Postern would write by hand; here the addresses change with the ports. */
export interface Addresses {
  readonly tenant: string;
  readonly gateway: string;
  readonly issuer: string;
}

/** What each person starts the agent for. Nobody trusts mallory with anything. */
const PURPOSES = { dana: "support-case", erin: "billing-review", mallory: "support-case" } as const;

const SIGN_IN = fileURLToPath(new URL("../idp/sign-in.ts", import.meta.url));

/** `postern.jsonc`; gives false where the gateway had another address, or none, before. */
export function writeGatewayConfig(workspace: Workspace, addresses: Addresses): boolean {
  const { tenant, gateway, issuer } = addresses;
  const { config } = workspace;
  const known = existsSync(config) && readFileSync(config, "utf8").includes(`"${gateway}"`);
  write(config, {
    listen: { host: "127.0.0.1", port: Number(new URL(gateway).port) },
    publicUrl: gateway,
    dataDir: workspace.data,
    tenants: { [tenant]: { idp: { issuer, audience: CLIENT_ID, algorithms: ["ES256"] } } },
  });
  return known;
}

/** What `postern connect` and `postern call make --as NAME` read: one file for each person. */
export function writeProfiles(workspace: Workspace, addresses: Addresses): void {
  const { tenant, gateway, issuer } = addresses;
  for (const [person, purpose] of Object.entries(PURPOSES)) {
    write(workspace.profile(person), {
      gateway,
      tenant,
      agent: "support-agent",
      agentKey: workspace.agentKey,
      purpose,
      human: { command: [process.execPath, SIGN_IN, issuer, person] },
    });
  }
}

function write(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}
