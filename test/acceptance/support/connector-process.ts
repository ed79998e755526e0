import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectorPlan } from "../host.ts";
import { postern } from "./process.ts";

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
