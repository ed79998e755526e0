import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  type ChainedEvent,
  genesis,
  type Hash,
  link,
  RECORD_FORMAT,
  stamp,
} from "../../core/audit/chain.ts";
import { restore } from "../../core/audit/restore.ts";
import type { Command } from "../../core/model/command.ts";
import type { EventBody, WorkflowEvent } from "../../core/model/event.ts";
import { canonical } from "../../core/model/json.ts";
import { decide, inputOf } from "../../core/session/decide.ts";
import { evolve } from "../../core/session/evolve.ts";
import type { Facts } from "../../core/session/facts.ts";
import { NEW_WORKFLOW, type WorkflowState } from "../../core/session/state.ts";
import {
  AuditUnavailable,
  type Committed,
  type Session,
  type Sessions,
} from "../../gateway/ports.ts";
import type { Journal } from "./journal.ts";
import { newKey, WorkflowKey } from "./workflow-key.ts";
import type { Wrapping } from "./wrapping.ts";

/** Live sessions kept in memory; the longest untouched leaves first and is read again when asked for. */
const MAX_LOADED = 20_000;

/** Sealed inputs are kept this long unless retention says otherwise. */
const SEALED_LIFE_MS = 90 * 24 * 60 * 60 * 1_000;

export interface SessionHost {
  readonly db: DatabaseSync;
  readonly journal: Journal;
  readonly wrapping: Wrapping;
  readonly hash: Hash;
  /** Null before the tenant's first bundle. */
  facts(tenant: string): Omit<Facts, "mac"> | null;
}

interface Position {
  readonly state: WorkflowState;
  /** Hash of the last event, or the genesis hash. */
  readonly head: string;
}

export class NodeSessions implements Sessions {
  readonly #host: SessionHost;
  readonly #statements: Statements;
  readonly #loaded = new Map<string, NodeSession>();
  /** Calls this process is carrying: whatever else is in flight was interrupted. */
  readonly #carried = new Set<string>();

  constructor(host: SessionHost) {
    this.#host = host;
    this.#statements = prepare(host.db);
  }

  async find(tenant: string, workflow: string): Promise<Session | null> {
    return this.load(tenant, workflow) === null ? null : this.#handle(tenant, workflow);
  }

  /** Callers hold a name, not a memory: eviction and reload never leave two copies of one workflow. */
  #handle(tenant: string, workflow: string): Session {
    const current = (): NodeSession => {
      const session = this.load(tenant, workflow);
      if (session === null) throw new AuditUnavailable("the workflow never became durable");
      return session;
    };
    return {
      get state() {
        return current().state;
      },
      get keyDigest() {
        return current().keyDigest;
      },
      submit: async (command) => current().submit(command),
    };
  }

  create(tenant: string, workflow: string): Session {
    const key = newKey();
    const head = genesis(this.#host.hash, tenant, workflow);
    const wrapped = this.#host.wrapping.wrap(place(tenant, workflow), key);
    this.#keep(
      new NodeSession(this.#host, this.#statements, tenant, workflow, new WorkflowKey(key), {
        position: { state: NEW_WORKFLOW, head },
        wrapped,
        carried: this.#carried,
        forget: () => this.#forget(tenant, workflow),
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
      carried: this.#carried,
      forget: () => this.#forget(tenant, workflow),
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

  #forget(tenant: string, workflow: string): void {
    this.#loaded.delete(place(tenant, workflow));
  }
}

interface Origin {
  readonly position: Position;
  /** The wrapped key, to be stored with the first event; null when it is stored already. */
  readonly wrapped: Buffer | null;
  readonly carried: Set<string>;
  forget(): void;
}

/** One workflow in memory. Its state runs ahead of the disk only within the batch of one turn. */
class NodeSession implements Session {
  readonly tenant: string;
  readonly workflow: string;
  readonly #host: SessionHost;
  readonly #statements: Statements;
  readonly #key: WorkflowKey;
  readonly #origin: Origin;
  #position: Position;
  #pending = 0;

  constructor(
    host: SessionHost,
    statements: Statements,
    tenant: string,
    workflow: string,
    key: WorkflowKey,
    origin: Origin,
  ) {
    this.#host = host;
    this.#statements = statements;
    this.tenant = tenant;
    this.workflow = workflow;
    this.#key = key;
    this.#origin = origin;
    this.#position = origin.position;
  }

  get state(): WorkflowState {
    return this.#position.state;
  }

  get keyDigest(): string {
    return this.#key.digest;
  }

  get idle(): boolean {
    return this.#pending === 0 && this.state.inFlight.length === 0;
  }

  async submit(command: Command): Promise<Committed> {
    if (command.type === "settle") this.#origin.carried.delete(command.call);
    const facts = this.#host.facts(this.tenant);
    if (facts === null) throw new AuditUnavailable("no bundle is active");
    const withMac: Facts = { ...facts, mac: (text) => this.#key.mac(text) };
    const input = inputOf(command, withMac);
    const decision = decide(this.#position.state, command, withMac, input);
    const body = decision.events[0];
    if (body === undefined) {
      if (this.state.status === "new") this.#origin.forget();
      return { result: decision.result, event: null, state: this.state };
    }
    const { event, hash, writes } = this.#append(body, input, facts.now);
    const state = this.state;
    if (event.type === "call.admitted") this.#origin.carried.add(event.call);
    this.#pending++;
    try {
      // A batch that failed takes memory with it: the next who asks reads the disk.
      await this.#host.journal.write(writes, () => this.#origin.forget());
    } catch (error) {
      if (event.type === "call.admitted") this.#origin.carried.delete(event.call);
      throw error;
    } finally {
      this.#pending--;
    }
    return { result: decision.result, event: { event, hash }, state };
  }

  #append(
    body: EventBody,
    input: string,
    now: number,
  ): {
    event: WorkflowEvent;
    hash: string;
    writes: { statement: StatementSync; values: SQLInputValue[] }[];
  } {
    const { tenant, workflow } = this;
    const event = stamp(body, this.state.next, now, workflow);
    const bytes = canonical(event);
    const hash = link(this.#host.hash, this.#position.head, bytes);
    this.#position = { state: evolve(this.state, event), head: hash };
    const call = "call" in event ? event.call : null;
    const expires = now + SEALED_LIFE_MS;
    const sealed = this.#key.seal(sealedPlace(event.seq, "input", expires), input);
    const { insertEvent, insertSealed, insertKey, openCall, closeCall } = this.#statements;
    const writes: { statement: StatementSync; values: SQLInputValue[] }[] = [
      {
        statement: insertEvent,
        values: [tenant, workflow, event.seq, event.type, call, bytes, hash],
      },
      {
        statement: insertSealed,
        values: [tenant, workflow, event.seq, "input", expires, sealed],
      },
    ];
    if (event.type === "workflow.opened") {
      writes.push({ statement: insertKey, values: [tenant, workflow, this.#origin.wrapped] });
    } else if (event.type === "call.admitted") {
      writes.push({ statement: openCall, values: [event.call, tenant, workflow, event.connector] });
    } else if (
      event.type === "call.reconciled" ||
      (event.type === "call.settled" && event.outcome !== "outcome_unknown")
    ) {
      writes.push({ statement: closeCall, values: [event.call] });
    }
    return { event, hash, writes };
  }

  /** What was in flight when the process or its memory died gets its durable end (design section 4). */
  settleInterrupted(): void {
    for (const { call, runtimeMs } of this.state.inFlight) {
      if (this.#origin.carried.has(call)) continue;
      const settlement = { kind: "failed", code: "interrupted", effect: "possible" } as const;
      // A commit that fails leaves the call in flight on disk, for the next load to settle.
      this.submit({ type: "settle", call, settlement, runtimeMs }).catch(() => undefined);
    }
  }

  /** Decrypted sealed rows of one kind, by sequence number. */
  unseal(seq: number, kind: "input"): string | null {
    const row = this.#statements.sealed.get(this.tenant, this.workflow, seq, kind) as
      | { expires: number; bytes: Uint8Array }
      | undefined;
    return row === undefined
      ? null
      : this.#key.open(sealedPlace(seq, kind, row.expires), row.bytes);
  }
}

/** Where a workflow's wrapped key belongs: authenticated with it. */
export function place(tenant: string, workflow: string): string {
  return `${tenant}/${workflow}`;
}

/** Everything of a sealed row but its ciphertext: no column of it can be changed unseen. */
export function sealedPlace(seq: number, kind: string, expires: number): string {
  return `${RECORD_FORMAT}/${seq}/${kind}/${expires}`;
}

type Statements = ReturnType<typeof prepare>;

function prepare(db: DatabaseSync) {
  return {
    insertEvent: db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"),
    insertSealed: db.prepare("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?)"),
    insertKey: db.prepare("INSERT INTO session VALUES (?, ?, ?)"),
    openCall: db.prepare("INSERT INTO open_call VALUES (?, ?, ?, ?)"),
    closeCall: db.prepare("DELETE FROM open_call WHERE call = ?"),
    key: db.prepare("SELECT wrapped_key FROM session WHERE tenant = ? AND workflow = ?"),
    events: db.prepare(
      "SELECT seq, bytes, hash FROM event WHERE tenant = ? AND workflow = ? ORDER BY seq",
    ),
    sealed: db.prepare(
      "SELECT expires, bytes FROM sealed WHERE tenant = ? AND workflow = ? AND seq = ? AND kind = ?",
    ),
  };
}
