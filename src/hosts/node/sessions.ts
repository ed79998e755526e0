import { type ChainedEvent, genesis } from "../../core/audit/chain.ts";
import { restore } from "../../core/audit/restore.ts";
import type { WorkflowEvent } from "../../core/model/event.ts";
import { type InFlight, NEW_WORKFLOW, type WorkflowState } from "../../core/session/state.ts";
import { AuditUnavailable, type Session, type Sessions } from "../../gateway/ports.ts";
import { CarriedCalls } from "./carried.ts";
import { LastUse } from "./last-use.ts";
import { LiveWorkflows } from "./live.ts";
import { Movement } from "./movement.ts";
import { NodeSession, type Position, type SessionHost } from "./session.ts";
import { place, prepare, type Statements } from "./session-store.ts";
import { newKey, WorkflowKey } from "./workflow-key.ts";

/** Live sessions kept in memory; the longest untouched leaves first and is read again when asked for. */
const MAX_LOADED = 20_000;

export class NodeSessions implements Sessions {
  readonly #host: SessionHost;
  readonly #statements: Statements;
  readonly #loaded = new Map<string, NodeSession>();
  readonly #carried = new CarriedCalls();
  readonly #movement = new Movement();
  readonly #living: LiveWorkflows;
  readonly lastUse = new LastUse();

  constructor(host: SessionHost) {
    this.#host = host;
    this.#statements = prepare(host.db);
    this.#living = new LiveWorkflows(this.#statements, host.now);
  }

  async find(tenant: string, workflow: string): Promise<Session | null> {
    return this.load(tenant, workflow) === null ? null : this.#handle(tenant, workflow);
  }

  /** Callers hold a name, not a memory: eviction and reload never leave two copies of one workflow. */
  #handle(tenant: string, workflow: string): Session {
    const id = place(tenant, workflow);
    let last: NodeSession | null = null;
    const current = (): NodeSession => {
      if (last === null || this.#loaded.get(id) !== last) last = this.load(tenant, workflow);
      if (last === null) throw new AuditUnavailable("the workflow never became durable");
      return last;
    };
    return {
      get state() {
        return current().state;
      },
      get keyDigest() {
        return current().keyDigest;
      },
      submit: async (command, keep) => current().submit(command, keep),
      consider: (command) => current().consider(command),
      moved: (seq, ms) =>
        current().durable > seq + 1 ? Promise.resolve(true) : this.#movement.next(id, ms),
      kept: async (call, kind) => current().kept(call, kind),
      input: async (call) => current().inputOf(call),
      inputAt: async (seq) => current().inputAt(seq),
    };
  }

  live(tenant: string, human: string, agent: string): number {
    return this.#living.count(tenant, human, agent);
  }

  /** Resolves when no call is out whose settlement is still to come, at the latest after `ms`. */
  settled(ms: number): Promise<void> {
    return this.#carried.gone(ms);
  }

  /** Whoever waits for an event is answered: the host is about to stop. */
  stopWaiting(): void {
    this.#movement.stop();
  }

  /** Calls of a tenant that are out, with the workflow each belongs to. */
  inFlight(tenant: string): readonly { readonly state: WorkflowState; readonly call: InFlight }[] {
    return [...this.#loaded.values()]
      .filter((session) => session.tenant === tenant)
      .flatMap(({ state }) => state.inFlight.map((call) => ({ state, call })));
  }

  create(tenant: string, workflow: string, key: Buffer = newKey()): Session {
    const head = genesis(this.#host.hash, tenant, workflow);
    const wrapped = this.#host.wrapping.wrap(place(tenant, workflow), key);
    this.#keep(
      new NodeSession(this.#host, this.#statements, tenant, workflow, new WorkflowKey(key), {
        position: { state: NEW_WORKFLOW, head },
        wrapped,
        ...this.#origin(tenant, workflow),
      }),
    );
    return this.#handle(tenant, workflow);
  }

  load(tenant: string, workflow: string): NodeSession | null {
    const id = place(tenant, workflow);
    const loaded = this.#loaded.get(id);
    if (loaded !== undefined) {
      this.#loaded.delete(id);
      this.#loaded.set(id, loaded);
      return loaded;
    }
    const row = this.#statements.key.get(tenant, workflow) as
      | { wrapped_key: Uint8Array }
      | undefined;
    if (row === undefined) return null;
    const key = new WorkflowKey(this.#host.wrapping.unwrap(id, row.wrapped_key));
    const session = new NodeSession(this.#host, this.#statements, tenant, workflow, key, {
      position: this.#read(tenant, workflow, key),
      wrapped: null,
      ...this.#origin(tenant, workflow),
    });
    this.#keep(session);
    session.settleInterrupted();
    return session;
  }

  /** Refuses to extend a chain that does not verify: safe halt beats a wrong answer. */
  #read(tenant: string, workflow: string, key: WorkflowKey): Position {
    const rows = this.#statements.events.all(tenant, workflow) as unknown as ChainedEvent[];
    const restored = restore(this.#host.hash, tenant, workflow, rows);
    if (!restored.ok)
      throw new AuditUnavailable(`store_corrupt: ${workflow} at seq ${restored.fault.seq}`);
    if (restored.state.keyDigest !== key.digest) {
      throw new AuditUnavailable(`store_corrupt: the key of ${workflow} is not its own`);
    }
    return restored;
  }

  #keep(session: NodeSession): NodeSession {
    this.#loaded.set(place(session.tenant, session.workflow), session);
    if (this.#loaded.size > MAX_LOADED) {
      for (const [id, candidate] of this.#loaded) {
        if (!candidate.idle) continue;
        this.#loaded.delete(id);
        break;
      }
    }
    return session;
  }

  #origin(tenant: string, workflow: string) {
    const id = place(tenant, workflow);
    return {
      carried: this.#carried,
      recorded: (event: WorkflowEvent) => {
        this.#living.see(tenant, event);
        this.lastUse.see(tenant, event);
        this.#host.keys.see(tenant, event);
      },
      moved: () => {
        this.#host.keys.moved(id);
        this.#movement.wake(id);
      },
      forget: () => {
        this.#host.keys.forget(id);
        // Never durable, or open still: what the disk says is asked when it is read again.
        if (this.#loaded.get(id)?.durable === 0) this.#living.forget(tenant, workflow);
        this.#loaded.delete(id);
      },
    };
  }
}
