import type { Command } from "../../core/model/command.ts";
import type { LockSubject } from "../../core/session/locks.ts";
import { findCall, findSeat, lineOf, type WorkflowState } from "../../core/session/state.ts";
import {
  AuditUnavailable,
  type Committed,
  type Connectors,
  type Gateway,
  type OutboundAnswer,
} from "../../gateway/ports.ts";
import { createCallTokens } from "../../identity/call-token.ts";
import { issuerOf } from "../../identity/metadata.ts";
import { nodeApprovals } from "../node/approvals.ts";
import type { Signalled } from "../node/containment.ts";
import { nodeEvidence } from "../node/evidence.ts";
import { sweeper } from "../node/housekeeping.ts";
import { sha256 } from "../node/keys.ts";
import { NodeSessions } from "../node/sessions.ts";
import { nodeSources } from "../node/sources.ts";
import { nodeSystem } from "../node/system.ts";
import { Wrapping } from "../node/wrapping-key.ts";
import type { Alarm } from "./alarm.ts";
import { platformClock as clock } from "./clock.ts";
import { compiledBundle } from "./compiled.ts";
import { configOf, type Env } from "./config.ts";
import { databaseOf } from "./database.ts";
import { ObjectJournal } from "./journal.ts";
import { Lease } from "./lease.ts";
import { log } from "./log.ts";
import type { ObjectState, Stub } from "./platform.ts";
import { reportOf } from "./report.ts";
import { keysPlace, LEASE_MS, type SessionKeys } from "./standing.ts";
import type { TenantObject } from "./tenant.ts";

/** Often enough that one answer may be lost. */
const RENEW_MS = LEASE_MS / 3;
/** A call whose object died with it has an end after this, also when its agent never asks. */
const LOOK_MS = 30_000;

/** One workflow, plugged together inside its own object: it decides, appends and dispatches. */
export class SessionHost {
  readonly tenant: string;
  readonly workflow: string;
  readonly gateway: Gateway;
  readonly sessions: NodeSessions;
  readonly lease = new Lease(clock);
  readonly wrapping: Wrapping;
  /** Its workflow was opened since this object was started: it has never had a proof that it forgot. */
  fresh = false;
  readonly #object: Stub<TenantObject>;
  /** Signals whose lock is not known to be in force everywhere. */
  readonly #containing = new Set<Promise<void>>();
  /** Calls that left, until the tenant knows of their end. */
  readonly #sent = new Set<string>();
  /** The last report that the tenant has, or is about to have; null: this object has made none. */
  #told: string | null = null;
  #telling: Promise<void> = Promise.resolve();
  readonly #latest: () => number;
  readonly #sweep: (now: number) => void;
  readonly #nextExpiry: () => number | null;
  readonly #alarm: Alarm;
  #running = 0;
  #keeping = false;

  constructor(tenant: string, workflow: string, { storage }: ObjectState, env: Env, alarm: Alarm) {
    this.tenant = tenant;
    this.#alarm = alarm;
    this.workflow = workflow;
    this.#object = env.TENANT.getByName(tenant);
    this.wrapping = new Wrapping(Buffer.from(env.POSTERN_WRAPPING_KEY, "base64"), false);
    const db = databaseOf(storage);
    const system = nodeSystem(clock);
    const touch = db.prepare("SELECT 1 FROM layout");
    const latest = db.prepare("SELECT max(bytes ->> 'at') AS at FROM event");
    this.#sweep = sweeper(db);
    const expiry = db.prepare("SELECT min(expires) AS at FROM sealed WHERE kind <> 'input'");
    this.#nextExpiry = () => (expiry.get()?.["at"] ?? null) as number | null;
    this.#latest = () => Number(latest.get()?.["at"] ?? 0);
    this.sessions = new NodeSessions({
      ...{ db, wrapping: this.wrapping, hash: sha256, now: system.now },
      journal: new ObjectJournal(storage),
      keys: {
        see: (_, { type }) => {
          if (type === "call.admitted") alarm.by(clock.now() + LOOK_MS);
        },
        // A call may go on waiting for a human, who has to find what it asks for.
        moved: () => void this.#report(),
        forget: () => undefined,
      },
      facts: () => {
        // Of two objects of one name only one reaches its storage: the other decides nothing.
        touch.get();
        const bundle = this.lease.bundle?.bundle;
        if (bundle === undefined) return null;
        const { view, evaluator } = bundle;
        return { now: system.now(), bundle: view, locks: this.lease.locks, evaluator };
      },
      signalled: (signal) => this.#contain(signal),
    });
    const { publicUrl } = configOf(env);
    const issuer = issuerOf({ publicUrl, tenant });
    const { sessions } = this;
    this.gateway = {
      ...{ sessions, system },
      bundles: { active: () => this.lease.bundle?.bundle ?? null },
      connectors: this.#connectors(),
      locks: { now: () => this.lease.locks },
      tokens: createCallTokens(() => {
        const key = this.lease.keys?.call ?? null;
        return key && { issuer, audience: issuer, key };
      }, system.now),
      evidence: nodeEvidence(db, sessions),
      refusals: { exchange: async () => undefined },
      links: { approval: (_, id) => `${issuer}/approvals/${id}` },
      approvals: nodeApprovals(db),
      sources: nodeSources(
        (...at) => sessions.load(...at),
        () => this.lease.bundle?.bundle.view ?? null,
      ),
      keys: {
        // Seats are given where all keys of the tenant are known: in its own object.
        standing: () => "other_agent",
        holds: (_, jkt) => this.#holds(jkt),
      },
      signals: { raise: (_, signal) => this.#object.raise(tenant, signal) },
    };
  }

  /** Asks the tenant's object; false: it has said nothing that may be acted on now. */
  async renew(): Promise<boolean> {
    // One that was just started may take longer to answer than its answer is good for.
    return (await this.#ask()) || this.#ask();
  }

  async #ask(): Promise<boolean> {
    const asked = clock.elapsed();
    try {
      const standing = await this.#object.standing(this.workflow);
      const { digest } = standing;
      const bundle =
        digest === null ? null : await compiledBundle(digest, () => this.#object.bundle(digest));
      const text = this.wrapping.unwrap(keysPlace(this.tenant, this.workflow), standing.keys);
      this.lease.take(asked, standing, bundle, JSON.parse(text.toString("utf8")) as SessionKeys);
      return this.lease.holds;
    } catch {
      return false;
    }
  }

  /** The lease is renewed for as long as something is under way, which may take longer than one lasts. */
  async during<T>(run: () => Promise<T>): Promise<T> {
    this.#running++;
    this.#keep();
    try {
      const answer = await run();
      await this.#quiet();
      return answer;
    } finally {
      this.#running--;
    }
  }

  /** Ends what was interrupted, tells the tenant of it, and takes away what has run out. */
  async lookAfter(): Promise<void> {
    await this.during(async () => {
      await this.renew();
      void this.state;
      this.#sweep(clock.now());
    });
    const soon = clock.now() + LOOK_MS;
    const open = (this.state?.inFlight.length ?? 0) > 0 || this.#told === null;
    const next = open ? soon : this.#nextExpiry();
    if (next !== null) this.#alarm.by(Math.max(next, soon));
  }

  #keep(): void {
    if (this.#keeping) return;
    this.#keeping = true;
    clock.after(RENEW_MS, () => {
      this.#keeping = false;
      if (this.#running === 0) return;
      this.#keep();
      void this.renew();
    });
  }

  /** Its own state; null: it was never opened here. */
  get state(): WorkflowState | null {
    return this.sessions.load(this.tenant, this.workflow)?.state ?? null;
  }

  async submit(command: Command): Promise<Committed> {
    const session = await this.sessions.find(this.tenant, this.workflow);
    if (session === null) throw new AuditUnavailable("there is no such workflow");
    return session.submit(command);
  }

  /** The latest time under which anything was recorded: a clock that was set back must not pass for it. */
  get latest(): number {
    return this.#latest();
  }

  /** Resolves when what was signalled is contained everywhere, and the tenant knows what ended. */
  async #quiet(): Promise<void> {
    await Promise.allSettled(this.#containing);
    const inFlight = new Set(this.state?.inFlight.map(({ call }) => call));
    const ended = [...this.#sent].filter((call) => !inFlight.has(call));
    for (const call of ended) this.#sent.delete(call);
    await Promise.all([
      this.#report(),
      // Not told, it finds out when it asks.
      ended.length > 0 && this.#object.ended(ended).catch(() => undefined),
    ]);
  }

  /** Resolves when the tenant has what it must know of this workflow as it is now, or does not answer. */
  async #report(): Promise<void> {
    const { state } = this;
    if (state === null || state.status === "new") return;
    const report = reportOf(state);
    const text = JSON.stringify(report);
    if (text === this.#told) return this.#telling;
    this.#told = text;
    this.#telling = this.#object.report(this.workflow, report).catch(() => {
      if (this.#told === text) this.#told = null;
    });
    return this.#telling;
  }

  /** What the bundle wants locked: until that is known to be in force, nobody here vouches for anything. */
  #contain(signal: Signalled): void {
    const { signal: code, containment } = signal;
    if (containment?.lock == null) {
      const rule = containment?.ruleId ?? null;
      return log({
        event: "signal",
        tenant: this.tenant,
        workflow: this.workflow,
        signal: code,
        rule,
      });
    }
    this.lease.drop();
    const contained = this.#object.contain(signal).then(async () => void (await this.renew()));
    this.#containing.add(contained);
    void contained
      .catch(() =>
        log({
          event: "containment.failed",
          tenant: this.tenant,
          rule: containment.ruleId,
          code: "unreachable",
        }),
      )
      .then(() => this.#containing.delete(contained));
  }

  #holds(jkt: string): boolean {
    const seats = Object.values(this.state?.seats ?? {});
    return seats.some((seat) => seat.jkt === jkt) || this.lease.bundle?.keys.has(jkt) === true;
  }

  #connectors(): Connectors {
    return {
      choose: (_, network, tier) => this.lease.choose(network, tier),
      session: (_, connector) => this.lease.session(connector),
      send: async (_, presenter, request): Promise<OutboundAnswer> => {
        const line = this.#lineOf(request.call);
        if (line === null) return { ok: false, code: "not_dispatched", effect: "none" };
        this.#sent.add(request.call);
        // A signal does not travel between objects, its word does: behind the request, in their order.
        const { cancelled, ...travels } = request;
        const takeBack = (): void =>
          void this.#object.takeBack(this.workflow, request.call).catch(() => undefined);
        cancelled?.addEventListener("abort", takeBack, { once: true });
        try {
          return await this.#object.send(this.workflow, presenter, travels, line);
        } catch {
          // The message may have been heard.
          return { ok: false, code: "connector_lost", effect: "possible" };
        } finally {
          cancelled?.removeEventListener("abort", takeBack);
        }
      },
    };
  }

  /** Everybody and everything a lock could name to stop this call. */
  #lineOf(id: string): readonly LockSubject[] | null {
    const { state, tenant, workflow } = this;
    const call = state === null ? undefined : findCall(state.inFlight, id);
    const seat = state && call && findSeat(state, call.seat);
    if (!state || !call || !seat) return null;
    const { tool, definition, destination, connector, policyVersion: bundle } = call;
    return lineOf(state, seat).map(({ agent, jkt: key }) => ({
      ...{ tenant, workflow, human: state.human, agent, key },
      ...{ tool, definition, destination, connector, bundle },
    }));
  }
}
