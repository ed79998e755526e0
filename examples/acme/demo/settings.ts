import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { APPROVALS_CLIENT_ID, CLIENT_ID } from "../idp/client.ts";
import type { Workspace } from "./workspace.ts";

/** The files that a user of Postern would write by hand; here the addresses change with the ports. */
export interface Addresses {
  readonly tenant: string;
  readonly gateway: string;
  readonly issuer: string;
}

/** What each person starts the agent for. Nobody trusts mallory with anything. */
const STARTS = {
  dana: { person: "dana", agent: "support-agent", purpose: "support-case" },
  "dana-refund": { person: "dana", agent: "support-agent", purpose: "refund" },
  erin: { person: "erin", agent: "support-agent", purpose: "billing-review" },
  olga: { person: "olga", agent: "ops-agent", purpose: "operations" },
  mallory: { person: "mallory", agent: "support-agent", purpose: "support-case" },
} as const;

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
    tenants: {
      [tenant]: {
        idp: { issuer, audience: CLIENT_ID, algorithms: ["ES256"] },
        approvals: { audience: APPROVALS_CLIENT_ID },
      },
    },
  });
  return known;
}

/** What `postern connect` and `postern call make --as NAME` read: one file for each person. */
export function writeProfiles(workspace: Workspace, addresses: Addresses): void {
  const { tenant, gateway, issuer } = addresses;
  for (const [name, { person, agent, purpose }] of Object.entries(STARTS)) {
    const signIn = [process.execPath, SIGN_IN, issuer, person];
    write(workspace.profile(name), {
      gateway,
      tenant,
      agent,
      agentKey: workspace.agentKey(agent),
      purpose,
      human: { command: signIn },
      approver: { command: [...signIn, "--approve"] },
    });
  }
}

function write(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}
