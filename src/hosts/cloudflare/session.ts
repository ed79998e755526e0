import { DurableObject } from "cloudflare:workers";
import type { Hono } from "hono";
import type { Command, OpenCommand } from "../../core/model/command.ts";
import type { Json } from "../../core/model/json.ts";
import type { WorkflowState } from "../../core/session/state.ts";
import {
  AuditUnavailable,
  type Committed,
  type KeptKind,
  type Session,
  type StoredEvent,
} from "../../gateway/ports.ts";
import { loadGrammar } from "../../sql/parse.ts";
import { workflowSurface } from "../../surfaces/rest/app.ts";
import { problem } from "../../surfaces/rest/problem.ts";
import { place } from "../node/session-store.ts";
import { Alarm } from "./alarm.ts";
import { configOf, type Env } from "./config.ts";
import { hasLayout, makeLayout } from "./database.ts";
import { log } from "./log.ts";
import { nameOf } from "./names.ts";
import type { ObjectState } from "./platform.ts";
import { sessionDoor } from "./session-door.ts";
import { SessionHost } from "./session-host.ts";

/** One workflow. Its methods are for the object of its tenant; agents come in by `fetch`. */
export class SessionObject extends DurableObject<Env, ObjectState> {
  #host: SessionHost | null = null;
  #app: Hono | null = null;
  readonly #alarm: Alarm;

  constructor(ctx: ObjectState, env: Env) {
    super(ctx, env);
    this.#alarm = new Alarm(ctx.storage);
    void ctx.blockConcurrencyWhile(async () => {
      await Promise.all([loadGrammar(), this.#alarm.load()]);
    });
  }

  /** Nobody may ever ask for it again, and what it left behind still has to be looked after. */
  async alarm(): Promise<void> {
    this.#alarm.wentOff();
    await this.#opened()?.lookAfter();
  }

  async fetch(request: Request): Promise<Response> {
    const host = this.#opened();
    // Nobody was ever let in here: the tenant says so, in the words that it has for everybody.
    if (host === null) return this.env.TENANT.getByName(this.#names[0]).fetch(request);
    return host.during(async () => {
      if (!(await host.renew())) return problem("unavailable");
      return (this.#app ??= this.#surface(host)).fetch(request);
    });
  }

  async open(command: OpenCommand, wrapped: Uint8Array): Promise<Committed> {
    makeLayout(this.ctx.storage);
    const host = this.#opened()!;
    if (host.state !== null) throw new AuditUnavailable("opened before");
    await host.renew();
    host.fresh = true;
    const key = host.wrapping.unwrap(place(host.tenant, host.workflow), wrapped);
    return host.sessions.create(host.tenant, host.workflow, key).submit(command);
  }

  async submit(command: Command): Promise<Committed> {
    const host = this.#known();
    return host.during(async () => {
      await host.renew();
      return host.submit(command);
    });
  }

  look(): { readonly state: WorkflowState; readonly keyDigest: string } | null {
    const state = this.#opened()?.state ?? null;
    return state === null ? null : { state, keyDigest: state.keyDigest };
  }

  /** A lock came: what was known before is not to be acted on. */
  async renew(): Promise<void> {
    const host = this.#opened();
    if (host === null) return;
    if (!(await host.renew())) host.lease.drop();
  }

  /** Whether a call is still under way; one that was interrupted ends by being looked at. */
  carries(call: string): boolean {
    const inFlight = this.#opened()?.state?.inFlight ?? [];
    return inFlight.some((one) => one.call === call);
  }

  async moved(seq: number, ms: number): Promise<boolean> {
    return (await this.#session()).moved(seq, ms);
  }

  async kept(call: string, kind: KeptKind): Promise<Json | null> {
    return (await this.#session()).kept(call, kind);
  }

  async inputAt(seq: number): Promise<Json | null> {
    return (await this.#session()).inputAt(seq);
  }

  async input(call: string): Promise<Json | null> {
    return (await this.#session()).input(call);
  }

  async events(after: number, limit: number): Promise<readonly StoredEvent[]> {
    const host = this.#opened();
    if (host === null) return [];
    return host.gateway.evidence.events(host.tenant, host.workflow, after, limit);
  }

  async call(call: string): Promise<readonly StoredEvent[]> {
    const host = this.#opened();
    return host === null ? [] : host.gateway.evidence.call(host.tenant, call);
  }

  #surface(host: SessionHost): Hono {
    const door = sessionDoor(host, configOf(this.env).publicUrl);
    return workflowSurface({
      gateway: host.gateway,
      tenant: (name) => (name === host.tenant ? door : undefined),
      log: (line) => log({ ...line }),
    });
  }

  async #session(): Promise<Session> {
    const host = this.#known();
    const session = await host.sessions.find(host.tenant, host.workflow);
    if (session === null) throw new AuditUnavailable("there is no such workflow");
    return session;
  }

  #known(): SessionHost {
    const host = this.#opened();
    if (host === null) throw new AuditUnavailable("there is no such workflow");
    return host;
  }

  /** Null: nothing was ever written here, and nothing is by asking. */
  #opened(): SessionHost | null {
    if (this.#host !== null) return this.#host;
    if (!hasLayout(this.ctx.storage)) return null;
    return (this.#host = new SessionHost(...this.#names, this.ctx, this.env, this.#alarm));
  }

  get #names(): readonly [tenant: string, workflow: string] {
    const [tenant = "", workflow = ""] = nameOf(this.ctx).split("/");
    return [tenant, workflow];
  }
}
