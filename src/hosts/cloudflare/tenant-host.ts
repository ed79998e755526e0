import { randomBytes } from "node:crypto";
import type { Presenter } from "../../core/model/command.ts";
import { lockRules, type LockSubject } from "../../core/session/locks.ts";
import type { Gateway, OutboundAnswer, OutboundRequest } from "../../gateway/ports.ts";
import { raiseByConnector } from "../../gateway/signal.ts";
import { resend } from "../../gateway/resend.ts";
import { issuerOf } from "../../identity/metadata.ts";
import { createCallTokens } from "../../identity/call-token.ts";
import { ADMIN_OPERATIONS } from "../../surfaces/admin/operations.ts";
import { restSurface } from "../../surfaces/rest/app.ts";
import { openApiDocument } from "../../surfaces/rest/openapi.ts";
import { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { NodeAgentKeys } from "../node/agent-keys.ts";
import { nodeApprovals } from "../node/approvals.ts";
import { ActiveBundles } from "../node/bundles.ts";
import { containing } from "../node/containment.ts";
import { Debts } from "../node/debts.ts";
import { Directory } from "../node/directory.ts";
import { tenantDoors } from "../node/doors.ts";
import { sweeper } from "../node/housekeeping.ts";
import { NodeKeys, sha256 } from "../node/keys.ts";
import { LiveWorkflows } from "../node/live.ts";
import { NodeLocks } from "../node/locks.ts";
import { Reconciler } from "../node/reconcile.ts";
import { prepare } from "../node/session-store.ts";
import { nodeSystem } from "../node/system.ts";
import { NodeTenantSignals } from "../node/tenant-signals.ts";
import { TenantStreams } from "../node/tenant-stream.ts";
import { Wrapping } from "../node/wrapping-key.ts";
import type { Alarm } from "./alarm.ts";
import { platformClock as clock } from "./clock.ts";
import { configOf, type Env } from "./config.ts";
import { databaseOf, makeLayout } from "./database.ts";
import { dialBindings } from "./dial.ts";
import { ObjectJournal } from "./journal.ts";
import { ObjectKeyStore } from "./key-store.ts";
import { log } from "./log.ts";
import { sessionName } from "./names.ts";
import type { ObjectState } from "./platform.ts";
import { Leases } from "./reach.ts";
import { Reported, type Report } from "./report.ts";
import { RemoteSessions } from "./remote-sessions.ts";
import { keysPlace, type SessionKeys, type Standing } from "./standing.ts";
import { tenantEvidence } from "./tenant-evidence.ts";
import { operatorSurface } from "./operator-surface.ts";

const SWEEP_MS = 60 * 60_000;
/** As long as something is unknown, this object stays awake to ask its connectors. */
const ASK_AGAIN_MS = 60_000;

/** What one tenant has beside its workflows, plugged together inside its own object. */
export type TenantHost = ReturnType<typeof tenantHost>;

export function tenantHost(tenant: string, { storage }: ObjectState, env: Env, alarm: Alarm) {
  const config = configOf(env);
  const url = config.publicUrl;
  makeLayout(storage);
  const db = databaseOf(storage);
  const journal = new ObjectJournal(storage);
  const wrapping = new Wrapping(Buffer.from(env.POSTERN_WRAPPING_KEY, "base64"), false);
  const system = nodeSystem(clock);
  const streams = new TenantStreams(db, journal, sha256, system.now);
  const directory = new Directory(db, journal, streams, system.now);
  const bundles = new ActiveBundles(directory, [tenant], () =>
    log({ event: "policy.trapped", tenant }),
  );
  const debts = new Debts({ streams, journal, clock });
  const locks = new NodeLocks([tenant], {
    ...{ streams, journal, debts, clock },
    newId: () => system.id("lck"),
    observe: ({ type, lock }) => log({ event: `locks.${type}`, tenant, lock }),
  });
  const signalled = containing(locks, log);
  const signals = new NodeTenantSignals({
    ...{ streams, signalled, now: system.now },
    bundle: () => bundles.of(tenant)?.bundle.view ?? null,
  });
  const agentKeys = new NodeAgentKeys(db, system.now, (jkt) => bundles.ownersOf(jkt));
  const keys = new NodeKeys([tenant], () => locks.now(tenant), {
    ...{ streams, debts, clock },
    store: new ObjectKeyStore(db, wrapping),
    observe: ({ type, key }) => log({ event: `key.${type}`, tenant, key }),
  });
  const stub = (workflow: string) => env.SESSION.getByName(sessionName(tenant, workflow));
  const statements = prepare(db);
  const sessions = new RemoteSessions({
    ...{ journal, statements, wrapping, stub, keys: agentKeys, now: system.now },
    living: new LiveWorkflows(statements, system.now),
  });
  const end = new GatewayEnd(
    {
      connector(_tenant, id) {
        const record = directory.connector(tenant, id);
        if (record === null) return null;
        const table = locks.now(tenant);
        const revoked = table === null || lockRules(table, { connector: id }).length > 0;
        return { ...record, revoked };
      },
      sign: (_tenant, text) => keys.sign(tenant, text),
      chain: () => keys.chain(tenant),
      keys: () => keys.announced(tenant),
      nonce: () => randomBytes(16).toString("hex"),
      epoch: () => locks.now(tenant)?.epoch ?? 0,
      signalled: ({ connector, ...signal }) => {
        raiseByConnector(gateway, tenant, connector, signal).catch(() =>
          log({ event: "signal.failed", tenant, connector, signal: signal.signal }),
        );
      },
      observe: ({ type, connector, code }) => {
        log({ event: `connector.${type}`, tenant, connector, code });
        if (type === "session_begun") void reconciler.begun(tenant, connector);
      },
    },
    clock,
  );
  const reconciler = new Reconciler({
    ...{ directory, sessions, end, clock },
    resend: (_, session, call) => resend(gateway, tenant, session, call),
    failed: (_, connector) => log({ event: "reconcile.failed", tenant, connector }),
  });
  const reported = new Reported(db, journal);
  const sweep = sweeper(db);
  const lookAgain = (): void =>
    alarm.by(clock.now() + (reported.anyUnknown ? ASK_AGAIN_MS : SWEEP_MS));
  lookAgain();
  const live = db.prepare("SELECT 1 FROM live WHERE tenant = ? AND workflow = ?");
  const leases = new Leases({ tenant, end, keys, clock, stub });
  const out = new Map<string, { readonly workflow: string; readonly back: AbortController }>();
  keys.begin(() => end.announceKeys(tenant));
  locks.begin(leases);
  const dialled = dialBindings(tenant, config.tenants[tenant]!.connectors, env, end);
  const evidence = tenantEvidence(
    ...([db, stub] as const),
    (call) => leases.workflowOf(call) ?? reported.workflowOf(tenant, call),
  );
  const gateway: Gateway = {
    ...{ sessions, locks, system, evidence, signals },
    bundles: { active: () => bundles.of(tenant)?.bundle ?? null },
    connectors: end,
    tokens: createCallTokens(() => {
      const issuer = issuerOf({ publicUrl: url, tenant });
      const key = keys.signing(tenant, "call");
      return key === null ? null : { issuer, audience: issuer, key };
    }, system.now),
    links: { approval: (_, id) => `${issuerOf({ publicUrl: url, tenant })}/approvals/${id}` },
    approvals: nodeApprovals(db),
    keys: agentKeys,
    sources: { lookup: async () => ({}), learn: () => undefined },
    refusals: {
      exchange: (_, refusal) =>
        streams.append(tenant, {
          type: "exchange.refused",
          ...refusal,
          policyVersion: bundles.of(tenant)?.bundle.view.digest ?? "",
        }),
    },
  };
  const doors = tenantDoors({
    ...{ url, gateway, keys, directory, bundles, locks, clock, log },
    config: { tenants: { [tenant]: config.tenants[tenant]! } },
    // This object is one tenant's, and so is its thread.
    core: { take: () => true },
  });
  const app = restSurface({
    gateway,
    tenant: (name) => (name === tenant ? doors.get(name) : undefined),
    openapi: openApiDocument(url, ADMIN_OPERATIONS),
    log: (line) => log({ ...line }),
  });
  const operator = operatorSurface({
    ...{ tenant, keys, directory, bundles, end, locks, agentKeys, evidence, leases },
    isLive: (workflow) => live.get(tenant, workflow) !== undefined,
    now: system.now,
  });

  return {
    fetch: (request: Request) => app.fetch(request),
    administer: (request: Request) => operator.fetch(request),
    bundle: (digest: string) => directory.bundleFiles(tenant, digest),
    raise: signals.raise.bind(signals),

    lookAfter(): void {
      sweep(clock.now());
      lookAgain();
    },

    /** Calls with a durable end. */
    ended(calls: readonly string[]): void {
      for (const call of calls) leases.ended(call);
    },

    async report(workflow: string, report: Report): Promise<void> {
      if (report.closed) await sessions.closed(tenant, workflow);
      await reported.take(tenant, workflow, report);
      lookAgain();
    },

    /** Grants a lease: what follows is what the session may act on. */
    async standing(workflow: string): Promise<Standing> {
      await dialled.tried;
      const connectors = directory.connectors(tenant).flatMap(({ id, network, tier }) => {
        const presenter = end.session(tenant, id);
        return presenter === null ? [] : { ...presenter, network, tier };
      });
      leases.grant(workflow);
      const text = JSON.stringify(keysOf());
      return {
        digest: bundles.of(tenant)?.bundle.view.digest ?? null,
        locks: locks.now(tenant),
        connectors,
        keys: wrapping.wrap(keysPlace(tenant, workflow), Buffer.from(text)),
      };
    },

    /** A session's request, admitted and durable by the time this message could leave it. */
    async send(
      workflow: string,
      presenter: Presenter,
      request: OutboundRequest,
      line: readonly LockSubject[],
    ): Promise<OutboundAnswer> {
      const table = locks.now(tenant);
      if (table === null || line.some((subject) => lockRules(table, subject).length > 0)) {
        return { ok: false, code: "not_dispatched", effect: "none" };
      }
      leases.left(request.call, { workflow, line });
      const back = new AbortController();
      out.set(request.call, { workflow, back });
      try {
        return await end.send(tenant, presenter, { ...request, cancelled: back.signal });
      } finally {
        out.delete(request.call);
      }
    },

    /** A call that its agent wants no more; nothing where it has ended, or is another workflow's. */
    takeBack(workflow: string, call: string): void {
      const sent = out.get(call);
      if (sent?.workflow === workflow) sent.back.abort();
    },

    /** In force here and at every holder of a lease when it resolves. */
    async contain(signal: Parameters<typeof signalled>[0]): Promise<void> {
      signalled(signal);
      locks.recordNow();
      await leases.reached;
    },
  };

  function keysOf(): SessionKeys {
    return {
      call: keys.signingMaterial(tenant, "call"),
      callTokens: keys.believed(tenant, "call").map(({ x }) => x),
      credentials: keys.believed(tenant, "credential").map(({ x }) => x),
    };
  }
}
