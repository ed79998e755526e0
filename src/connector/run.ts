import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { HANDSHAKE_MS } from "../tunnel/protocol.ts";
import type { Clock } from "../tunnel/socket.ts";
import { backoffMs } from "./backoff.ts";
import type { Agent } from "undici";
import { loadGrammar } from "../sql/parse.ts";
import { isGuarded } from "./allow.ts";
import { readConfig, type ConnectorConfig, type Destination, type Environment } from "./config.ts";
import { dial, gatewayAgent, gatewayUrl, tunnelUrl } from "./dial.ts";
import { ConnectorEnd, type EndReason, type Identity } from "./end.ts";
import { HeldBytes, type Executor } from "./executor.ts";
import { GuardedExecutor } from "./guarded.ts";
import { HttpExecutor } from "./http.ts";
import { horizonAt, Journal, JournalCorrupt } from "./journal.ts";
import type { Log } from "./log.ts";
import { OwnKey } from "./own-key.ts";
import { McpExecutor } from "./mcp.ts";
import { PostgresExecutor } from "./postgres.ts";
import type { Mistake } from "./reader.ts";
import { seenState } from "./seen.ts";
import { serve, type Service } from "./serve.ts";
import {
  type ConnectorState,
  lockStateDir,
  mcpFolder,
  makeStateDir,
  readState,
  writeGateway,
} from "./state.ts";
import { TrustedKeys } from "./trusted-keys.ts";

export interface RunOptions {
  readonly configPath: string;
  /** `https://gateway.example`; plain http only on this machine. */
  readonly gateway: string;
  /** PEM: believed at the gateway instead of the public authorities. */
  readonly gatewayCa?: string | undefined;
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
/** It goes on dialling all the same: who answers at an address can change. */
const ENROL_ANEW =
  "whoever answers is not the gateway of this connector's enrolment, or its key was locked or changed too often while this connector was away: check the URL; if it is right, move stateDir away and enrol anew with --join";

const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

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
    journal = await Journal.open(config.stateDir, horizonAt(clock.now()));
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
  const executors = makeExecutors(config, options.log);
  const service = makeService(config, state, keys, executors, journal, options.log);
  const stop = new AbortController();
  const { gatewayCa: ca } = options;
  const agent = gatewayAgent(ca === undefined ? {} : { ca });
  const told = Promise.withResolvers<void>();
  const dialler = new Dialler({
    ...{ identity, service, journal, keys, own, agent },
    url: tunnelUrl(gateway, state.tenant),
    stop: stop.signal,
    ready: () => options.ready(state.connector, config),
    told: () => told.resolve(),
  });
  const dialling = dialler.run();
  const stopping = async (): Promise<void> => {
    stop.abort();
    await dialler.drain();
    await dialling;
    await agent.destroy();
    await Promise.all([...executors.values()].map((one) => one.close()));
    await Promise.all([journal.close(), keys.settled(), own.settled()]);
    lock.release();
  };
  let stopped: Promise<void> | null = null;
  return { ok: true, connector: { told: told.promise, stop: () => (stopped ??= stopping()) } };
}

function fault(name: RunFault, mistakes: readonly Mistake[] = []): RunResult {
  return { ok: false, fault: name, mistakes };
}

function makeExecutors(config: ConnectorConfig, log: Log): ReadonlyMap<string, Executor> {
  const held = new HeldBytes();
  return new Map(
    [...config.destinations].map(([name, destination]) => [
      name,
      new GuardedExecutor(
        executorOf(name, destination, config, held.share()),
        destination.limits,
        clock.elapsed,
        (open) =>
          log(open ? "warn" : "info", open ? "destination_gone" : "destination_back", {
            destination: name,
          }),
      ),
    ]),
  );
}

function executorOf(
  name: string,
  destination: Destination,
  { stateDir }: ConnectorConfig,
  held: HeldBytes,
): Executor {
  switch (destination.kind) {
    case "http":
      return new HttpExecutor(destination, held);
    case "postgres":
      return new PostgresExecutor(destination, clock.elapsed);
    case "mcp":
      return new McpExecutor(destination, mcpFolder(stateDir, name), held, clock.elapsed);
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
  const { issuer, audience, tenant } = state;
  return {
    keys,
    issuer,
    audience,
    tenant,
    destinations: config.destinations,
    executors,
    journal,
    log,
  };
}

interface DiallerParts {
  readonly identity: Identity;
  readonly service: Service;
  readonly journal: Journal;
  readonly keys: TrustedKeys;
  readonly own: OwnKey;
  readonly agent: Agent;
  readonly url: URL;
  readonly stop: AbortSignal;
  ready(): void;
  told(): void;
}

/** One session after the other, with growing pauses while the gateway does not answer. */
class Dialler {
  readonly #parts: DiallerParts;
  #end: ConnectorEnd | null = null;
  #wasReady = false;

  constructor(parts: DiallerParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { stop, own } = this.#parts;
    let failures = 0;
    while (!stop.aborted) {
      const began = await this.#session();
      if (!began) own.failed();
      // A gateway that restarts twice in a row has let us in between: nobody waits longer for that.
      failures = began ? 0 : failures + 1;
      const pause = backoffMs(failures, Math.random());
      await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  async drain(): Promise<void> {
    const end = this.#end;
    if (end === null) return;
    const late = new AbortController();
    await Promise.race([
      end.drain(),
      sleep(DRAIN_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    end.stop();
  }

  /** Resolves when it is over: whether it ever began. */
  async #session(): Promise<boolean> {
    const { identity, service, journal, keys, own, agent, url, stop, ready, told } = this.#parts;
    const { log } = service;
    // Dialling stops at once; a session that runs is drained first.
    const dialled = await dial(url, agent, HANDSHAKE_MS, stop);
    if (dialled === null || stop.aborted) {
      dialled?.socket.close(1000);
      log("info", "gateway_unreachable", {});
      return false;
    }
    return new Promise((resolve) => {
      let began = false;
      const end = new ConnectorEnd(identity, dialled.socket, clock, {
        serve: (job) => serve(service, job),
        seen: (call) => seenState(journal, service.executors, call),
        nonce: () => randomBytes(32).toString("hex"),
        keys: (known) => keys.replace(known),
        rotate: (text) => own.offer(text),
        rotated: () => {
          log("info", "key_rotated", { connector: identity.connector });
          void own.taken();
        },
        drain: () => {
          log("info", "drain_asked", { connector: identity.connector });
          told();
        },
        began: (session) => {
          began = true;
          void own.began();
          log("info", "session_begun", { connector: identity.connector, session });
          if (!this.#wasReady) ready();
          this.#wasReady = true;
        },
        ended: (reason: EndReason) => {
          log(reason === "stopped" ? "info" : "warn", "session_ended", { reason });
          if (reason === "gateway_key_unknown") log("error", reason, { advice: ENROL_ANEW });
          this.#end = null;
          resolve(began);
        },
      });
      this.#end = end;
      dialled.onmessage = (text) => end.message(text);
      dialled.onclose = () => end.closed();
    });
  }
}
