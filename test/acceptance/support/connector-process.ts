import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectorPlan } from "../host.ts";
import { type Ended, postern, type Running } from "./process.ts";

/** `postern connector run` as planned, with its file and its state in a folder of its own. */
export function connectorCommand(
  folder: string,
  { network, tier, destinations, resolvers = [], listen: address }: ConnectorPlan,
  gateway: string,
  code?: string,
): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "connector.jsonc");
  const stateDir = join(folder, "state");
  writeFileSync(file, JSON.stringify({ network, tier, stateDir, resolvers, destinations }));
  const join_ = code === undefined ? [] : ["--join", code];
  const listen = address === undefined ? [] : ["--listen", address];
  return postern("connector", "run", "--config", file, "--gateway", gateway, ...join_, ...listen);
}

/** Of the planned ones: those whose session the gateway does not have, dead or alive. */
export async function connectorsAway(
  plans: Iterable<ConnectorPlan>,
  processes: ReadonlyMap<string, Running>,
  command: (...args: readonly string[]) => Promise<Ended>,
): Promise<readonly string[]> {
  const planned = [...plans];
  const tenants = [...new Set(planned.map(({ tenant }) => tenant))];
  const lists = tenants.map(async (tenant) => {
    const { stdout } = await command("list", "--json", "--tenant", tenant);
    return (JSON.parse(stdout) as { connectors: Listed[] }).connectors;
  });
  const connected = new Set(
    (await Promise.all(lists)).flat().flatMap((one) => (one.connected ? [one.connector] : [])),
  );
  const names = planned.map(({ name }) => name);
  return names.filter((name) => !connected.has(String(processes.get(name)?.facts?.["connector"])));
}

interface Listed {
  readonly connector: string;
  readonly connected: boolean;
}
