import { DurableObject } from "cloudflare:workers";
import { loadGrammar } from "../../sql/parse.ts";
import { Alarm } from "./alarm.ts";
import type { Env } from "./config.ts";
import { nameOf } from "./names.ts";
import type { ObjectState } from "./platform.ts";
import { tenantHost, type TenantHost } from "./tenant-host.ts";

/**
 * One tenant: its bundles, agents, keys, connectors and their sessions, locks and leases, and the stream of
 * what belongs to no workflow.
 */
export class TenantObject extends DurableObject<Env, ObjectState> {
  #host!: TenantHost;
  readonly #alarm: Alarm;

  constructor(ctx: ObjectState, env: Env) {
    super(ctx, env);
    const alarm = new Alarm(ctx.storage);
    this.#alarm = alarm;
    void ctx.blockConcurrencyWhile(async () => {
      await Promise.all([loadGrammar(), alarm.load()]);
      this.#host = tenantHost(nameOf(ctx), ctx, env, alarm);
    });
  }

  /** It is awake, which is what its connectors need; and takes away what has run out. */
  alarm(): void {
    this.#alarm.wentOff();
    this.#host.lookAfter();
  }

  async fetch(request: Request): Promise<Response> {
    return this.#host.fetch(request);
  }

  async administer(request: Request): Promise<Response> {
    return this.#host.administer(request);
  }

  standing(...args: Parameters<TenantHost["standing"]>): ReturnType<TenantHost["standing"]> {
    return this.#host.standing(...args);
  }

  bundle(digest: string): Record<string, string> | null {
    return this.#host.bundle(digest);
  }

  send(...args: Parameters<TenantHost["send"]>): ReturnType<TenantHost["send"]> {
    return this.#host.send(...args);
  }

  async takeBack(...args: Parameters<TenantHost["takeBack"]>): Promise<void> {
    this.#host.takeBack(...args);
  }

  async ended(...args: Parameters<TenantHost["ended"]>): Promise<void> {
    this.#host.ended(...args);
  }

  async report(...args: Parameters<TenantHost["report"]>): Promise<void> {
    return this.#host.report(...args);
  }

  contain(...args: Parameters<TenantHost["contain"]>): Promise<void> {
    return this.#host.contain(...args);
  }

  raise(...args: Parameters<TenantHost["raise"]>): Promise<void> {
    return this.#host.raise(...args);
  }
}
