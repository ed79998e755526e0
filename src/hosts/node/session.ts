import { type Hash, link, stamp } from "../../core/audit/chain.ts";
import type { Command } from "../../core/model/command.ts";
import type { CallAdmitted, EventBody, WorkflowEvent } from "../../core/model/event.ts";
import type { Outcome } from "../../core/model/outcome.ts";
import { canonical, type Json } from "../../core/model/json.ts";
import { decide, inputOf } from "../../core/session/decide.ts";
import type { Decision } from "../../core/session/decision.ts";
import { evolve } from "../../core/session/evolve.ts";
import type { Facts } from "../../core/session/facts.ts";
import { findSeat, type WorkflowState } from "../../core/session/state.ts";
import {
  AuditUnavailable,
  type Committed,
  type Keep,
  type Kept,
  KEPT_KINDS,
  type KeptKind,
  type StoredEvent,
} from "../../gateway/ports.ts";
import type { NodeAgentKeys } from "./agent-keys.ts";
import { Allowance } from "./allowance.ts";
import type { CarriedCalls } from "./carried.ts";
import type { Signalled } from "./containment.ts";
import type { Journal } from "./journal.ts";
import type { Database, Write } from "./sql.ts";
import { narrowLocks } from "./narrow-locks.ts";
import { type SealedRow, sealedPlace, type Statements, writesOf } from "./session-store.ts";
import type { WorkflowKey } from "./workflow-key.ts";
import type { Wrapping } from "./wrapping-key.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Sealed inputs are kept this long unless retention says otherwise. */
const INPUT_LIFE_MS = 90 * DAY_MS;
/** An outcome may be fetched again while its workflow lives, which is hours; an undo comes later. */
const KEPT_LIFE_MS = { outcome: DAY_MS, observation: 30 * DAY_MS } as const satisfies {
  readonly [kind in KeptKind]: number;
};

/** Events that no budget bounds. Signals are none of them: nothing may hold up containment. */
const UNBUDGETED: ReadonlySet<EventBody["type"]> = new Set([
  "call.refused",
  "seat.refused",
  "approval.refused",
  "usage.reported",
  "checkpoint.saved",
  "seat.renewed",
]);

export interface SessionHost {
  readonly db: Database;
  readonly journal: Pick<Journal, "write">;
  readonly wrapping: Wrapping;
  readonly hash: Hash;
  now(): number;
  /** Null before the tenant's first bundle. */
  facts(tenant: string): Omit<Facts, "mac" | "hash"> | null;
  /** A signal was raised: what the bundle wants locked is in force before this returns. */
  signalled(signal: Signalled): void;
  /** Hears of every seat that is given. */
  readonly keys: Pick<NodeAgentKeys, "see" | "moved" | "forget">;
}

export interface Position {
  readonly state: WorkflowState;
  /** Hash of the last event, or the genesis hash. */
  readonly head: string;
}

export interface Origin {
  readonly position: Position;
  /** The wrapped key, to be stored with the first event; null when it is stored already. */
  readonly wrapped: Buffer | null;
  readonly carried: CarriedCalls;
  /** In memory; what it did becomes durable later, or is forgotten. */
  recorded(event: WorkflowEvent): void;
  /** Something of it became durable, or an admission was lost. */
  moved(): void;
  forget(): void;
}

/** One workflow in memory. Its state runs ahead of the disk only within the batch of one turn. */
export class NodeSession {
  readonly tenant: string;
  readonly workflow: string;
  readonly #host: SessionHost;
  readonly #statements: Statements;
  readonly #key: WorkflowKey;
  readonly #origin: Origin;
  /** Of the agent that the human started, and of all others: a sub-agent must not use up the former. */
  readonly #allowance = { root: new Allowance(), others: new Allowance() };
  #position: Position;
  #pending = 0;
  /** Number of the next event that is not on disk. */
  #durable: number;

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
    this.#durable = origin.position.state.next;
  }

  get state(): WorkflowState {
    return this.#position.state;
  }

  get keyDigest(): string {
    return this.#key.digest;
  }

  get durable(): number {
    return this.#durable;
  }

  get idle(): boolean {
    return this.#pending === 0 && this.state.inFlight.length === 0;
  }

  async submit(command: Command, keep?: Keep): Promise<Committed> {
    if (command.type === "settle") this.#origin.carried.delete(command.call);
    const facts = this.#facts(command);
    const input = inputOf(command, facts);
    const decision = decide(this.#position.state, command, facts, input);
    const [body] = decision.events;
    if (body !== undefined && UNBUDGETED.has(body.type)) {
      const retryAfterMs = this.#allowanceOf(body).take(Buffer.byteLength(input), facts.now);
      if (retryAfterMs > 0) {
        const result = { kind: "failed", code: "rate_limited", retryAfterMs } as const;
        return { result, event: null, state: this.state };
      }
    }
    const writes: Write[] = [];
    const stored = this.#record(decision, input, facts, writes, keep);
    const state = this.state;
    for (const signal of decision.signals ?? []) this.#signal(signal, facts, writes);
    if (writes.length === 0) {
      if (this.state.status === "new") this.#origin.forget();
      return { result: decision.result, event: null, state };
    }
    const admitted = stored?.event.type === "call.admitted" ? stored.event.call : null;
    if (admitted !== null) this.#origin.carried.add(admitted);
    const next = this.state.next;
    this.#pending++;
    try {
      // A batch that failed takes memory with it: the next who asks reads the disk.
      await this.#host.journal.write(writes, () => this.#origin.forget());
    } catch (error) {
      if (admitted !== null) {
        this.#origin.carried.delete(admitted);
        // Whoever joined it in this turn waits for an end that will never come.
        this.#origin.moved();
      }
      throw error;
    } finally {
      this.#pending--;
    }
    this.#durable = Math.max(this.#durable, next);
    this.#origin.moved();
    return { result: decision.result, event: stored, state };
  }

  consider(command: Command): Decision {
    const facts = this.#facts(command);
    return decide(this.#position.state, command, facts, inputOf(command, facts));
  }

  #allowanceOf(body: EventBody): Allowance {
    const seat = body.type === "seat.refused" ? body.parent : "seat" in body ? body.seat : null;
    const root = seat !== null && findSeat(this.state, seat)?.parent === null;
    return root ? this.#allowance.root : this.#allowance.others;
  }

  #facts(command: Command): Facts {
    const facts = this.#host.facts(this.tenant);
    if (facts === null) {
      // What was interrupted could not be settled either: the next load tries it again.
      if (this.#pending === 0) this.#origin.forget();
      throw new AuditUnavailable("no bundle is active");
    }
    const locks = narrowLocks(facts.locks, this.state, command);
    return { ...facts, locks, hash: this.#host.hash, mac: (text) => this.#key.mac(text) };
  }

  #signal(command: Command, facts: Facts, writes: Write[]): void {
    const input = inputOf(command, facts);
    const decision = decide(this.#position.state, command, facts, input);
    this.#record(decision, input, facts, writes);
  }

  /** Memory first; `writes` makes it durable. A decision is one event, or none. */
  #record(
    { events, result }: Decision,
    input: string,
    { now }: Facts,
    writes: Write[],
    keep?: Keep,
  ): StoredEvent | null {
    const [body] = events;
    if (body === undefined) return null;
    const { tenant, workflow } = this;
    const event = stamp(body, this.state.next, now, workflow);
    const bytes = canonical(event);
    const hash = link(this.#host.hash, this.#position.head, bytes);
    this.#position = { state: evolve(this.state, event), head: hash };
    this.#origin.recorded(event);
    const sealed = [
      this.#sealed(event.seq, "input", now + INPUT_LIFE_MS, input),
      ...this.#kept(event.seq, now, keep?.(result, this.state) ?? {}),
    ];
    const row = { tenant, workflow, event, bytes, hash };
    writes.push(...writesOf(this.#statements, row, sealed, this.#origin.wrapped));
    if (event.type === "signal.raised") {
      const { signal, containment } = event;
      this.#host.signalled({ tenant, workflow, signal, containment });
    }
    return { event, hash };
  }

  #kept(seq: number, now: number, kept: Kept): readonly SealedRow[] {
    return KEPT_KINDS.flatMap((kind) => {
      const value = kept[kind];
      if (value === undefined) return [];
      return [this.#sealed(seq, kind, now + KEPT_LIFE_MS[kind], canonical(value))];
    });
  }

  #sealed(seq: number, kind: string, expires: number, text: string): SealedRow {
    return { kind, expires, bytes: this.#key.seal(sealedPlace(seq, kind, expires), text) };
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

  /** What was kept with the end of a call, wherever that stands; null: nothing, or no longer. */
  kept(call: string, kind: KeptKind): Json | null {
    const end = this.#statements.endOfCall.get(call, this.tenant, this.workflow) as
      | { seq: number }
      | undefined;
    const text = end === undefined ? null : this.unseal(end.seq, kind);
    return text === null ? null : (JSON.parse(text) as Json);
  }

  /** Input of the decision that ended a call. */
  inputOf(call: string): Json | null {
    const end = this.#statements.endOfCall.get(call, this.tenant, this.workflow) as
      | { seq: number }
      | undefined;
    return end === undefined ? null : this.inputAt(end.seq);
  }

  inputAt(seq: number): Json | null {
    const text = this.unseal(seq, "input");
    return text === null ? null : (JSON.parse(text) as Json);
  }

  /** Outcomes that are still kept, oldest first, each with the admission of its call. */
  *outcomes(limit: number): Generator<{
    readonly admitted: CallAdmitted;
    readonly outcome: Outcome;
    /** Of the outcome as JSON. */
    readonly chars: number;
  }> {
    const { tenant, workflow } = this;
    const rows = this.#statements.outcomes.iterate(tenant, workflow, limit) as Iterable<
      {
        readonly [column in "seq" | "expires"]: number;
      } & { readonly bytes: Uint8Array; readonly call: string }
    >;
    for (const { seq, expires, bytes, call } of rows) {
      const text = this.#key.open(sealedPlace(seq, "outcome", expires), bytes);
      const row = this.#statements.toolOf.get(call, tenant, workflow) as
        | { bytes: string }
        | undefined;
      if (text === null || row === undefined) continue;
      const admitted = JSON.parse(row.bytes) as CallAdmitted;
      yield { admitted, outcome: JSON.parse(text) as Outcome, chars: text.length };
    }
  }

  /** Decrypted sealed row of one event. */
  unseal(seq: number, kind: "input" | KeptKind): string | null {
    const row = this.#statements.sealed.get(this.tenant, this.workflow, seq, kind) as
      | { expires: number; bytes: Uint8Array }
      | undefined;
    return row === undefined
      ? null
      : this.#key.open(sealedPlace(seq, kind, row.expires), row.bytes);
  }
}
