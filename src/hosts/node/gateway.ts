import { randomBytes } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { lockRules } from "../../core/session/locks.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { raiseByConnector } from "../../gateway/signal.ts";
import { resend } from "../../gateway/resend.ts";
import { createCallTokens } from "../../identity/call-token.ts";
import { issuerOf } from "../../identity/metadata.ts";
import { loadGrammar } from "../../sql/parse.ts";
import { adminSurface } from "../../surfaces/admin/app.ts";
import { ADMIN_OPERATIONS } from "../../surfaces/admin/operations.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import { restSurface } from "../../surfaces/rest/app.ts";
import { openApiDocument } from "../../surfaces/rest/openapi.ts";
import { GatewayEnd, type TunnelEvent } from "../../tunnel/gateway-end.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { NodeAgentKeys } from "./agent-keys.ts";
import { nodeApprovals } from "./approvals.ts";
import { nodeAdministration } from "./administration.ts";
import { Ballast } from "./ballast.ts";
import { ActiveBundles } from "./bundles.ts";
import { ADMIN_SOCKET, type GatewayConfig } from "./config.ts";
import { containing } from "./containment.ts";
import { CoreShare } from "./core-share.ts";
import { openDataFolder } from "./database.ts";
import { Debts } from "./debts.ts";
import { Directory } from "./directory.ts";
import { Draining } from "./drain.ts";
import { agentServer } from "./http-server.ts";
import { loadListening, loadTls, renewing } from "./server-tls.ts";
import { dialListening } from "./listening-connectors.ts";
import { lingering } from "./linger.ts";
import { tenantDoors } from "./doors.ts";
import { nodeEvidence } from "./evidence.ts";
import { housekeeping } from "./housekeeping.ts";
import { Journal } from "./journal.ts";
import { LockReach } from "./lock-reach.ts";
import { NodeLocks } from "./locks.ts";
import { KeyStore } from "./key-store.ts";
import { NodeKeys, sha256 } from "./keys.ts";
import { Reconciler, settleInterrupted } from "./reconcile.ts";
import { NodeSessions } from "./sessions.ts";
import { nodeSources } from "./sources.ts";
import { nodeSystem } from "./system.ts";
import { NodeTenantSignals } from "./tenant-signals.ts";
import { TenantStreams } from "./tenant-stream.ts";
import { connectorsOf, createTunnelServer, systemClock } from "./tunnel.ts";
import { loadWrapping } from "./wrapping.ts";

/** One line of the operator's log: ids and codes, never a value (P10). */
export type LogLine = { readonly event: string } & {
  readonly [field: string]: string | number | null;
};

export interface GatewayOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  log(line: LogLine): void;
}

export interface RunningGateway {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  readonly admin: Administration;
  stop(): Promise<void>;
}

/** After SIGTERM: time for calls in flight to be settled. */
const DRAIN_MS = 10_000;
/** Calls that were cut at the end wait for nothing but their last commits. */
const CUT_MS = 1_000;

/** Plugs the Node host together. Rejects with DataFolderBusy, KeyUnusable or TlsUnusable before anything listens. */
export async function startGateway(
  config: GatewayConfig,
  options: GatewayOptions,
): Promise<RunningGateway> {
  const { env, log, clock = systemClock } = options;
  const tenants = Object.keys(config.tenants);
  await loadGrammar();
  const folder = openDataFolder(config.dataDir);
  const closing = new DisposableStack();
  closing.use(folder);
  try {
    const wrapping = loadWrapping(folder.path, config.wrappingKey, env);
    if (wrapping.local) log({ event: "wrapping_key.local", folder: "keys" });
    const system = nodeSystem(clock);
    const journal = new Journal(folder.db, new Ballast(folder.path), system.elapsed);
    const streams = new TenantStreams(folder.db, journal, sha256, system.now);
    const directory = new Directory(folder.db, journal, streams, system.now);
    const bundles = new ActiveBundles(directory, tenants, (tenant) =>
      log({ event: "policy.trapped", tenant }),
    );
    const debts = closing.use(new Debts({ streams, journal, clock }));
    const locks = closing.use(
      new NodeLocks(tenants, {
        streams,
        journal,
        debts,
        clock,
        newId: () => system.id("lck"),
        observe: ({ type, tenant, lock }) => log({ event: `locks.${type}`, tenant, lock }),
      }),
    );
    const signalled = containing(locks, log);
    const signals = new NodeTenantSignals({
      streams,
      now: system.now,
      bundle: (tenant) => bundles.of(tenant)?.bundle.view ?? null,
      signalled,
    });
    const agentKeys = new NodeAgentKeys(folder.db, system.now, (jkt) => bundles.ownersOf(jkt));
    const keys = closing.use(
      new NodeKeys(tenants, (tenant) => locks.now(tenant), {
        store: new KeyStore(folder.path, wrapping),
        ...{ streams, debts, clock },
        observe: ({ type, tenant, key }) => log({ event: `key.${type}`, tenant, key }),
      }),
    );
    const sessions = new NodeSessions({
      db: folder.db,
      keys: agentKeys,
      journal,
      wrapping,
      hash: sha256,
      now: system.now,
      facts(tenant) {
        const active = bundles.of(tenant);
        if (active === null) return null;
        const { view, evaluator } = active.bundle;
        return { now: system.now(), bundle: view, locks: locks.now(tenant), evaluator };
      },
      signalled,
    });
    closing.use(housekeeping(folder.db, clock));
    const interrupted = settleInterrupted(directory, sessions, journal);
    if (interrupted.workflows > 0) log({ event: "recovered", workflows: interrupted.workflows });
    for (const workflow of interrupted.corrupt) log({ event: "store_corrupt", workflow });

    const tls = config.listen.tls === undefined ? null : loadTls(config.listen.tls);
    const listeners = loadListening(config.tenants);
    const server = agentServer(undefined, tls);
    if (config.listen.tls !== undefined && tls !== null) {
      renewing(server, config.listen.tls, tls, system.elapsed);
    }
    const draining = new Draining(server);
    const port = await listening(server, config.listen.host, config.listen.port);
    const url =
      config.publicUrl ??
      `${tls === null ? "http" : "https"}://${bracketed(config.listen.host)}:${port}`;

    const end = new GatewayEnd(
      {
        connector(tenant, id) {
          const record = directory.connector(tenant, id);
          if (record === null) return null;
          const table = locks.now(tenant);
          const revoked = table === null || lockRules(table, { connector: id }).length > 0;
          return { ...record, revoked };
        },
        sign: (tenant, text) => keys.sign(tenant, text),
        chain: (tenant) => keys.chain(tenant),
        keys: (tenant) => keys.announced(tenant),
        nonce: () => randomBytes(16).toString("hex"),
        epoch: (tenant) => locks.now(tenant)?.epoch ?? 0,
        signalled: ({ tenant, connector, ...signal }) => {
          raiseByConnector(gateway, tenant, connector, signal).catch(() =>
            log({ event: "signal.failed", tenant, connector, signal: signal.signal }),
          );
        },
        observe: (event) => observed(event),
      },
      clock,
    );
    const observed = (event: TunnelEvent): void => {
      const { type, tenant, connector, code } = event;
      log({ event: `connector.${type}`, tenant, connector, code });
      if (type !== "session_begun") return;
      void reconciler.begun(tenant, connector);
    };
    const reconciler = closing.use(
      new Reconciler({
        ...{ directory, sessions, end, clock },
        resend: (tenant, session, call) => resend(gateway, tenant, session, call),
        failed: (tenant, connector) => log({ event: "reconcile.failed", tenant, connector }),
      }),
    );

    keys.begin((tenant) => end.announceKeys(tenant));
    locks.begin(new LockReach(folder.db, sessions, end, keys));

    const evidence = nodeEvidence(folder.db, sessions);
    const gateway: Gateway = {
      sessions,
      bundles: { active: (tenant) => bundles.of(tenant)?.bundle ?? null },
      connectors: connectorsOf(end),
      locks,
      tokens: createCallTokens((tenant) => {
        const issuer = issuerOf({ publicUrl: url, tenant });
        const key = keys.signing(tenant, "call");
        return key === null ? null : { issuer, audience: issuer, key };
      }, system.now),
      system,
      evidence,
      links: {
        approval: (tenant, id) => `${issuerOf({ publicUrl: url, tenant })}/approvals/${id}`,
      },
      approvals: nodeApprovals(folder.db),
      keys: agentKeys,
      signals,
      sources: nodeSources(
        (tenant, workflow) => sessions.load(tenant, workflow),
        (tenant) => bundles.of(tenant)?.bundle.view ?? null,
      ),
      refusals: {
        exchange: (tenant, refusal) =>
          streams.append(tenant, {
            type: "exchange.refused",
            ...refusal,
            policyVersion: bundles.of(tenant)?.bundle.view.digest ?? "",
          }),
      },
    };
    const core = new CoreShare({
      elapsed: system.elapsed,
      commitMs: () => journal.commitMs,
      nextTurn: (run) => setImmediate(run),
    });
    const doors = tenantDoors({
      ...{ config, url, gateway, keys, directory, bundles, locks, core, clock, log },
    });
    const app = restSurface({
      gateway,
      tenant: (name) => doors.get(name),
      openapi: openApiDocument(url, ADMIN_OPERATIONS),
      log: (line) => log({ ...line }),
    });
    server.on("request", lingering(getRequestListener(app.fetch)));
    const tunnels = createTunnelServer(end);
    closing.use(dialListening(listeners, end));
    server.on("upgrade", (request, socket, head) => {
      if (!tunnels.upgrade(request, socket, head)) socket.destroy();
    });

    const admin = nodeAdministration({
      keys,
      directory,
      bundles,
      sessions,
      evidence,
      end,
      locks,
      agentKeys,
      now: system.now,
    });
    const administration = await serveAdmin(join(folder.path, ADMIN_SOCKET), admin);
    const resources = closing.move();
    return {
      url,
      admin,
      async stop() {
        const until = clock.elapsed() + DRAIN_MS;
        sessions.stopWaiting();
        await Promise.all([draining.drain(DRAIN_MS), administration.drain(DRAIN_MS)]);
        // A call whose client went away has no answer to wait for, and still has to end.
        await sessions.settled(Math.max(0, until - clock.elapsed()));
        tunnels.close();
        await sessions.settled(CUT_MS);
        journal.close();
        resources.dispose();
      },
    };
  } catch (error) {
    closing.dispose();
    throw error;
  }
}

async function serveAdmin(path: string, admin: Administration): Promise<Draining> {
  // We own the folder, so a socket that is there was left by a process that died.
  rmSync(path, { force: true });
  const server = createServer(getRequestListener(adminSurface(admin).fetch));
  const draining = new Draining(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
  return draining;
}

function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
