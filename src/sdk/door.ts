import { AgentKey } from "./agent.ts";
import { exchangeForm, type Exchange, type Granted, readGrant } from "./oauth.ts";
import type { ProofKey } from "./proof.ts";
import type { PrivateKeyJwk } from "./sign.ts";
import { readAnswer, Transport } from "./transport.ts";

export interface Connection {
  /** URL of the gateway. */
  readonly gateway: string;
  readonly tenant: string;
  /** The agent's id in the bundle, and the private half of one of its keys. */
  readonly agent: string;
  readonly assertionKey: PrivateKeyJwk;
  readonly fetch?: typeof fetch;
  /** Milliseconds; default: this machine's clock. */
  readonly now?: () => number;
}

/** One tenant of one gateway, as one agent sees it. */
export interface Door {
  readonly base: string;
  readonly agent: AgentKey;
  readonly transport: Transport;
}

export async function createDoor(connection: Connection, proofKey: ProofKey): Promise<Door> {
  const { gateway, tenant, agent, assertionKey } = connection;
  return {
    base: `${gateway.replace(/\/+$/, "")}/${tenant}`,
    agent: await AgentKey.import(agent, assertionKey),
    transport: new Transport(proofKey, connection.fetch ?? fetch, connection.now ?? Date.now),
  };
}

/** The token endpoint: what an assertion is addressed to. */
export function tokenEndpoint({ base }: Door): string {
  return `${base}/oauth/token`;
}

export async function exchange(door: Door, wanted: Exchange): Promise<Granted> {
  const { base, agent, transport } = door;
  const url = tokenEndpoint(door);
  const response = await transport.send(async () => ({
    method: "POST",
    url,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      dpop: await transport.prove("POST", url),
    },
    body: exchangeForm({
      ...wanted,
      clientAssertion: await agent.assertion(url, transport.now()),
      resource: `${base}/mcp`,
    }),
  }));
  return readGrant(await readAnswer(response));
}
