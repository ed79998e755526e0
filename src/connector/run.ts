import { readFile } from "node:fs/promises";
import { loadGrammar } from "../sql/parse.ts";
import { isGuarded } from "./allow.ts";
import { readConfig, type ConnectorConfig, type Destination, type Environment } from "./config.ts";
import { gatewayAgent, gatewayUrl, tunnelUrl } from "./dial.ts";
import { Dialler } from "./dialler.ts";
import type { Identity } from "./end.ts";
import { HeldBytes, type Executor } from "./executor.ts";
import { GuardedExecutor } from "./guarded.ts";
import { HttpExecutor } from "./http.ts";
import { horizonAt, Journal, JournalCorrupt } from "./journal.ts";
import { Listener } from "./listener.ts";
import type { Log } from "./log.ts";
import { OwnKey } from "./own-key.ts";
import { PostgresExecutor } from "./postgres.ts";
import type { Mistake } from "./reader.ts";
import type { Service } from "./serve.ts";
import { type SessionParts, systemClock } from "./session.ts";
import {
  type ConnectorState,
  lockStateDir,
  mcpFolder,
  makeStateDir,
  readState,
  writeGateway,
} from "./state.ts";
import { publicTls, type Tls } from "./tls.ts";
import { TrustedKeys } from "./trusted-keys.ts";

export interface RunOptions {
  readonly configPath: string;
  /** `https://gateway.example`; plain http only on this machine. */
  readonly gateway: string;
  /** Whom to believe at the gateway; absent: the public authorities. */
  readonly gatewayTls?: Tls | undefined;
  /** A private address on which the gateway dials us, instead of us the gateway. */
  readonly listen?: { readonly host: string; readonly port: number };
  readonly env: Environment;
  readonly log: Log;
  /** Called once, when the first session has begun. */
  ready(connector: string, config: ConnectorConfig): void;
}

export const RUN_FAULTS = [
  "config_unreadable",
  "config_invalid",
  "gateway_url_refused",
  "not_enrolled",
  "enrolled_elsewhere",
  "state_in_use",
  "journal_corrupt",
  "address_in_use",
] as const;
export type RunFault = (typeof RUN_FAULTS)[number];

export type RunResult =
  | { readonly ok: true; readonly connector: RunningConnector }
  | { readonly ok: false; readonly fault: RunFault; readonly mistakes: readonly Mistake[] };

export interface RunningConnector {
  /** The gateway asked it to stop. */
  readonly told: Promise<void>;
  /** Finishes what is under way, at most ten seconds, and lets go of everything. */
  stop(): Promise<void>;
}

const DRAIN_MS = 10_000;

function isGuardedDatabase(destination: Destination): boolean {
  return destination.kind === "postgres" && isGuarded(destination.statements);
}

/** Checks everything that can be wrong here, then dials until it is stopped. */
export async function startConnector(options: RunOptions): Promise<RunResult> {
  const gateway = gatewayUrl(options.gateway);
  if (gateway === null) return fault("gateway_url_refused");
  const text = await readFile(options.configPath, "utf8").catch(() => null);
  if (text === null) return fault("config_unreadable");
  const read = readConfig(text, options.configPath, options.env);
  if (!read.ok) return fault("config_invalid", read.mistakes);
  const { config } = read;
  if ([...config.destinations.values()].some(isGuardedDatabase)) await loadGrammar();
  await makeStateDir(config.stateDir);
  const lock = lockStateDir(config.stateDir);
  if (lock === null) return fault("state_in_use");
  const refuse = (name: RunFault): RunResult => {
    lock.release();
    return fault(name);
  };
  const enrolled = await readState(config.stateDir);
  if (enrolled === null) return refuse("not_enrolled");
  const { state, key } = enrolled;
  // The key was given for one network and one tier: another configuration needs another key.
  if (state.network !== config.network || state.tier !== config.tier) {
    return refuse("enrolled_elsewhere");
  }
  let journal: Journal;
  try {
    // Without its journal, whatever came before this moment cannot be denied.
    journal = await Journal.open(config.stateDir, horizonAt(systemClock.now()));
  } catch (error) {
    if (error instanceof JournalCorrupt) return refuse("journal_corrupt");
    lock.release();
    throw error;
  }
  const own = await OwnKey.open(config.stateDir, key);
  const keep = (known: ConnectorState["keys"]): Promise<void> =>
    writeGateway(config.stateDir, { ...state, keys: known });
  const keys = new TrustedKeys(state.keys, keep, options.log);
  const identity: Identity = {
    tenant: state.tenant,
    connector: state.connector,
    gatewayKeys: keys,
    sign: (message) => own.sign(message),
  };
  const executors = await makeExecutors(config, options.log);
  const service = makeService(config, state, keys, executors, journal, options.log);
  const told = Promise.withResolvers<void>();
  let wasReady = false;
  const parts: SessionParts = {
    ...{ identity, service, journal, keys, own },
    ready: () => {
      if (!wasReady) options.ready(state.connector, config);
      wasReady = true;
    },
    told: () => told.resolve(),
  };
  const way = await wayTo(parts, gateway, state.tenant, options);
  if (way === null) {
    await journal.close();
    return refuse("address_in_use");
  }
  const stopping = async (): Promise<void> => {
    await way.stop(DRAIN_MS);
    await Promise.all([...executors.values()].map((one) => one.close()));
    await Promise.all([journal.close(), keys.settled(), own.settled()]);
    lock.release();
  };
  let stopped: Promise<void> | null = null;
  return { ok: true, connector: { told: told.promise, stop: () => (stopped ??= stopping()) } };
}

/** It dials the gateway, or waits to be dialled. Null: somebody else has the address. */
async function wayTo(
  parts: SessionParts,
  gateway: URL,
  tenant: string,
  { listen, gatewayTls = publicTls }: RunOptions,
): Promise<{ stop(ms: number): Promise<void> } | null> {
  if (listen === undefined) {
    const agent = gatewayAgent(gatewayTls);
    return new Dialler(parts, tunnelUrl(gateway, tenant), agent);
  }
  const listener = new Listener(parts);
  const port = await listener.listen(listen.host, listen.port);
  if (port === null) return null;
  parts.service.log("info", "listening", { port });
  return listener;
}

function fault(name: RunFault, mistakes: readonly Mistake[] = []): RunResult {
  return { ok: false, fault: name, mistakes };
}

async function makeExecutors(
  config: ConnectorConfig,
  log: Log,
): Promise<ReadonlyMap<string, Executor>> {
  const held = new HeldBytes();
  const made = new Map<string, Executor>();
  for (const [name, destination] of config.destinations) {
    const executor = await executorOf(name, destination, config, held.share());
    const told = (open: boolean): void =>
      log(open ? "warn" : "info", open ? "destination_gone" : "destination_back", {
        destination: name,
      });
    const { limits } = destination;
    made.set(name, new GuardedExecutor(executor, limits, systemClock.elapsed, told));
  }
  return made;
}

async function executorOf(
  name: string,
  destination: Destination,
  { stateDir }: ConnectorConfig,
  held: HeldBytes,
): Promise<Executor> {
  switch (destination.kind) {
    case "http":
      return new HttpExecutor(destination, held);
    case "postgres":
      return new PostgresExecutor(destination, systemClock.elapsed);
    case "mcp": {
      // The largest library of a connector: only where there is a server to ask.
      const { McpExecutor } = await import("./mcp.ts");
      return new McpExecutor(destination, mcpFolder(stateDir, name), held, systemClock.elapsed);
    }
  }
}

function makeService(
  config: ConnectorConfig,
  state: ConnectorState,
  keys: TrustedKeys,
  executors: ReadonlyMap<string, Executor>,
  journal: Journal,
  log: Log,
): Service {
  const { issuer, audience, tenant, network, tier } = state;
  return {
    keys,
    issuer,
    audience,
    tenant,
    place: { network, tier },
    destinations: config.destinations,
    executors,
    journal,
    log,
  };
}
