import { randomBytes } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import type { LockTable } from "../../core/model/lock.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { createCallTokens } from "../../identity/call-token.ts";
import { issuerOf } from "../../identity/metadata.ts";
import { adminSurface } from "../../surfaces/admin/app.ts";
import { ADMIN_OPERATIONS } from "../../surfaces/admin/operations.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import { restSurface } from "../../surfaces/rest/app.ts";
import { openApiDocument } from "../../surfaces/rest/openapi.ts";
import { GatewayEnd, type TunnelEvent } from "../../tunnel/gateway-end.ts";
import { signText } from "../../tunnel/keys.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { nodeAdministration } from "./administration.ts";
import { ActiveBundles } from "./bundles.ts";
import { ADMIN_SOCKET, type GatewayConfig } from "./config.ts";
import { openDataFolder } from "./database.ts";
import { Directory } from "./directory.ts";
import { Draining } from "./drain.ts";
import { tenantDoors } from "./doors.ts";
import { nodeEvidence } from "./evidence.ts";
import { Journal } from "./journal.ts";
import { loadTenantKeys, sha256, type TenantKeys } from "./keys.ts";
import { reconcile, settleInterrupted } from "./reconcile.ts";
import { NodeSessions } from "./sessions.ts";
import { nodeSystem } from "./system.ts";
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

/** A request that sends its headers slower than this holds a socket for nothing. */
const HEADERS_TIMEOUT_MS = 10_000;
/** After SIGTERM: time for calls in flight to be settled. */
const DRAIN_MS = 10_000;
/** No operation of this version adds a lock; the decider, the token and the beat carry them already. */
const NO_LOCKS: LockTable = { epoch: 0, locks: [] };

/** Plugs the Node host together. Rejects with DataFolderBusy or KeyUnusable before anything listens. */
export async function startGateway(
  config: GatewayConfig,
  options: GatewayOptions,
): Promise<RunningGateway> {
  const { env, log, clock = systemClock } = options;
  const tenants = Object.keys(config.tenants);
  const folder = openDataFolder(config.dataDir);
  const closing = new DisposableStack();
  closing.use(folder);
  try {
    const wrapping = loadWrapping(folder.path, config.wrappingKey, env);
    if (wrapping.local) log({ event: "wrapping_key.local", folder: "keys" });
    const keys = new Map<string, TenantKeys>(
      tenants.map((tenant) => [tenant, loadTenantKeys(folder.path, tenant, wrapping)]),
    );
    const system = nodeSystem(clock);
    const journal = new Journal(folder.db);
    const streams = new TenantStreams(folder.db, journal, sha256, system.now);
    const directory = new Directory(folder.db, journal, streams, system.now);
    const bundles = new ActiveBundles(directory, tenants);
    const locks = { now: (): LockTable | null => NO_LOCKS };
    const sessions = new NodeSessions({
      db: folder.db,
      journal,
      wrapping,
      hash: sha256,
      facts(tenant) {
        const active = bundles.of(tenant);
        if (active === null) return null;
        const { view, evaluator } = active.bundle;
        return { now: system.now(), bundle: view, locks: locks.now(), evaluator };
      },
    });
    const interrupted = settleInterrupted(directory, sessions, journal);
    if (interrupted.workflows > 0) log({ event: "recovered", workflows: interrupted.workflows });
    for (const workflow of interrupted.corrupt) log({ event: "store_corrupt", workflow });

    const server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_TIMEOUT_MS });
    const draining = new Draining(server);
    const port = await listening(server, config.listen.host, config.listen.port);
    const url = config.publicUrl ?? `http://${bracketed(config.listen.host)}:${port}`;

    const end = new GatewayEnd(
      {
        connector(tenant, id) {
          const record = directory.connector(tenant, id);
          return record === null ? null : { ...record, revoked: false };
        },
        sign(tenant, text) {
          const key = keys.get(tenant)?.call;
          return key === undefined ? null : { kid: key.kid, signature: signText(key.key, text) };
        },
        nonce: () => randomBytes(16).toString("hex"),
        epoch: () => locks.now()?.epoch ?? 0,
        observe: (event) => observed(event),
      },
      clock,
    );
    const observed = (event: TunnelEvent): void => {
      const { type, tenant, connector, code } = event;
      log({ event: `connector.${type}`, tenant, connector, code });
      if (type !== "session_begun") return;
      reconcile(tenant, connector, directory, sessions, end).catch(() =>
        log({ event: "reconcile.failed", tenant, connector }),
      );
    };

    const evidence = nodeEvidence(folder.db, sessions);
    const gateway: Gateway = {
      sessions,
      bundles: { active: (tenant) => bundles.of(tenant)?.bundle ?? null },
      connectors: connectorsOf(end),
      locks,
      tokens: createCallTokens((tenant) => {
        const issuer = issuerOf({ publicUrl: url, tenant });
        return { issuer, audience: issuer, key: keys.get(tenant)!.call };
      }, system.now),
      system,
      evidence,
      refusals: {
        exchange: (tenant, refusal) =>
          streams.append(tenant, {
            type: "exchange.refused",
            ...refusal,
            policyVersion: directory.activeDigest(tenant) ?? "",
          }),
      },
    };
    const doors = tenantDoors({ config, url, gateway, keys, directory, bundles, clock, log });
    const app = restSurface({
      gateway,
      tenant: (name) => doors.get(name),
      openapi: openApiDocument(url, ADMIN_OPERATIONS),
      log: (line) => log({ ...line }),
    });
    server.on("request", getRequestListener(app.fetch));
    const tunnels = createTunnelServer(end);
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
      now: system.now,
    });
    const administration = await serveAdmin(join(folder.path, ADMIN_SOCKET), admin);
    const resources = closing.move();
    return {
      url,
      admin,
      async stop() {
        await Promise.all([draining.drain(DRAIN_MS), administration.drain(DRAIN_MS)]);
        tunnels.close();
        journal.flush();
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
