import type { Lock, LockTable, LockTarget } from "../../core/model/lock.ts";
import { MAX_LIFE_MS } from "../../core/session/limits.ts";
import { AuditUnavailable, type Locks } from "../../gateway/ports.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { Debts } from "./debts.ts";
import type { Journal } from "./journal.ts";
import { type LockEntry, TenantLocks } from "./lock-table.ts";
import type { TenantStreams } from "./tenant-stream.ts";

/** Every decision seals the table it saw: this bounds what one lock more costs each of them. */
export const MAX_LOCKS = 5_000;
/** No workflow is there to be held for longer; without an end these locks would gather for good. */
const WORKFLOW_LOCK_MS = MAX_LIFE_MS + 60 * 60 * 1_000;
/** How often the end of a call is tried again that a full disk kept from being recorded. */
const SETTLE_AGAIN_MS = 1_000;
/** Locks run out when somebody looks; for the record and the beat this is often enough to look. */
const LONGEST_SLEEP_MS = 60_000;

export interface LockRequest {
  readonly target: LockTarget;
  readonly value: string;
  /** One line of visible text, recorded as it is. */
  readonly reason: string;
  /** `operator`, or the rule or service that acts by itself. */
  readonly by: string;
  /** Null or absent: until it is removed. */
  readonly expiresAt?: number | null;
  /** Past the cap, too: a rule that contains must not run into it. Each has a signal of its own. */
  readonly urgent?: boolean;
}

export interface LockStatus extends LockEntry {
  /** False: in force, and nobody knows of it after a crash; it is tried again until it is recorded. */
  readonly durable: boolean;
  /** Calls that were in flight under it when it came. */
  readonly calls: number;
  /** When the last of them had its durable end; null: not yet. */
  readonly drainedAt: number | null;
}

export type Added =
  | {
      readonly ok: true;
      readonly lock: LockStatus;
      /** It is on disk, or could not be written now; never rejects. */
      readonly recorded: Promise<LockStatus>;
    }
  | { readonly ok: false; readonly code: "too_many_locks" | "locks_unavailable" };

/** For the operator's log: ids and codes, no reasons. */
export interface LockEvent {
  readonly type: "volatile" | "unreadable";
  readonly tenant: string;
  readonly lock: string | null;
}

/** What a lock does to what is under way. */
export interface Reach {
  /** Cuts every call that the lock holds, and names them. */
  cut(tenant: string, lock: Lock): readonly string[];
  /** Those that have no durable end yet. */
  unended(tenant: string, calls: ReadonlySet<string>): ReadonlySet<string>;
  /** Gives an end to those whose settlement could not be recorded when it came. */
  settle(tenant: string, calls: ReadonlySet<string>): void;
  /** The epoch has moved. */
  moved(tenant: string): void;
}

export interface LockParts {
  readonly streams: TenantStreams;
  readonly journal: Pick<Journal, "flush">;
  readonly debts: Debts;
  readonly clock: Clock;
  newId(): string;
  observe(event: LockEvent): void;
}

interface Tenant {
  readonly name: string;
  readonly table: TenantLocks;
  readonly progress: Map<string, Progress>;
  readonly removing: Map<string, Promise<void>>;
  /** False: the record of the locks cannot be believed, so nobody can say what is locked. */
  readable: boolean;
}

interface Progress {
  readonly tried: PromiseWithResolvers<void>;
  durable: boolean;
  calls: number;
  drainedAt: number | null;
}

/** A lock under which calls have no durable end yet. */
interface Draining {
  readonly tenant: Tenant;
  readonly lock: string;
  calls: ReadonlySet<string>;
}

/** All locks of this host. In force in the turn in which they are added; the record follows. */
export class NodeLocks implements Locks, Disposable {
  readonly #parts: LockParts;
  readonly #tenants: ReadonlyMap<string, Tenant>;
  readonly #draining = new Set<Draining>();
  #reach: Reach | null = null;
  #cancelSleep: () => void = () => undefined;
  #cancelSettle: (() => void) | null = null;

  constructor(tenants: readonly string[], parts: LockParts) {
    this.#parts = parts;
    this.#tenants = new Map(tenants.map((name) => [name, this.#load(name)]));
    parts.debts.listen({
      broken: (tenant) => this.#distrust(this.#tenants.get(tenant)),
      over: () => this.#drain(),
    });
  }

  [Symbol.dispose](): void {
    this.#reach = null;
    this.#cancelSleep();
    this.#cancelSettle?.();
  }

  /** From now on a lock also cuts; those of before the start find out whether all has ended. */
  begin(reach: Reach): void {
    this.#reach = reach;
    for (const tenant of this.#tenants.values()) {
      for (const entry of tenant.table.entries) {
        if (tenant.progress.get(entry.id)?.drainedAt === null) this.#cut(tenant, entry);
      }
    }
    this.#drain();
    this.#sleep();
  }

  now(name: string): LockTable | null {
    const tenant = this.#tenants.get(name);
    if (tenant === undefined || !tenant.readable) return null;
    const now = this.#parts.clock.now();
    this.#lapse(tenant, now);
    return tenant.table.table(now);
  }

  /** In force when this returns. The same lock again is the one that is there. */
  add(name: string, request: LockRequest): Added {
    const tenant = this.#tenants.get(name);
    if (tenant === undefined || !tenant.readable) return { ok: false, code: "locks_unavailable" };
    const since = this.#parts.clock.now();
    this.#lapse(tenant, since);
    const known = tenant.table.entries.find((one) => covers(one, request, since));
    const full = tenant.table.size >= MAX_LOCKS;
    // A whole tenant can be stopped however many locks there are.
    const urgent = request.target === "tenant" || request.urgent === true;
    if (known === undefined && full && !urgent) {
      return { ok: false, code: "too_many_locks" };
    }
    const entry = known ?? this.#put(tenant, this.#entry(request, since));
    const progress = tenant.progress.get(entry.id)!;
    const status = (): LockStatus => statusOf(entry, progress);
    return { ok: true, lock: status(), recorded: progress.tried.promise.then(status) };
  }

  /**
   * Commits now, before the calls that were just cut take their turn to settle: the acknowledgement
   * of a kill waits for one fsync, not for them. Never from within a decision.
   */
  recordNow(): void {
    this.#parts.journal.flush();
  }

  /**
   * Resolves once the removal is durable; until then the lock holds. False: there is none. Rejects
   * with AuditUnavailable: it could not be recorded, and the lock stays.
   */
  async remove(name: string, id: string, by: string): Promise<boolean> {
    const tenant = this.#tenants.get(name);
    const progress = tenant?.progress.get(id);
    if (tenant === undefined || progress === undefined) return false;
    // Its end must not stand in the record before its beginning.
    if (!progress.durable) throw new AuditUnavailable("the lock itself is not recorded yet");
    const removing = tenant.removing.get(id) ?? this.#remove(tenant, id, by);
    tenant.removing.set(id, removing);
    try {
      await removing;
    } finally {
      tenant.removing.delete(id);
    }
    return true;
  }

  /** Oldest first. */
  list(name: string): readonly LockStatus[] {
    if (this.now(name) === null) return [];
    const { table, progress } = this.#tenants.get(name)!;
    return table.entries.map((entry) => statusOf(entry, progress.get(entry.id)!));
  }

  #load(name: string): Tenant {
    const table = new TenantLocks();
    const progress = new Map<string, Progress>();
    const tenant: Tenant = { name, table, progress, removing: new Map(), readable: true };
    try {
      for (const event of this.#parts.streams.read(name)) {
        if (event.type === "lock.added") {
          const { lock: id, target, value, reason, by, since, expiresAt, calls } = event;
          table.add({ id, target, value, reason, by, since, expiresAt });
          progress.set(id, newProgress(true, calls));
        } else if (event.type === "lock.removed" || event.type === "lock.expired") {
          table.end(event.lock, event.at);
          progress.delete(event.lock);
        } else if (event.type === "lock.drained") {
          const one = progress.get(event.lock);
          if (one !== undefined) one.drainedAt = event.drainedAt;
        }
      }
    } catch {
      this.#distrust(tenant);
    }
    return tenant;
  }

  #entry({ target, value, reason, by, expiresAt = null }: LockRequest, since: number): LockEntry {
    const latest = target === "workflow" ? since + WORKFLOW_LOCK_MS : Infinity;
    const end = Math.min(expiresAt ?? Infinity, latest);
    const id = this.#parts.newId();
    return { id, target, value, reason, by, since, expiresAt: end === Infinity ? null : end };
  }

  /** Memory first, then whatever is under way, then the record. */
  #put(tenant: Tenant, entry: LockEntry): LockEntry {
    const { id: lock, ...rest } = entry;
    const progress = newProgress(false, 0);
    tenant.table.add(entry);
    tenant.progress.set(lock, progress);
    try {
      progress.calls = this.#cut(tenant, entry);
    } finally {
      this.#parts.debts.owe({
        tenant: tenant.name,
        body: { type: "lock.added", lock, ...rest, calls: progress.calls },
        paid: () => {
          progress.durable = true;
          progress.tried.resolve();
        },
        late: () => {
          this.#parts.observe({ type: "volatile", tenant: tenant.name, lock });
          progress.tried.resolve();
        },
      });
    }
    this.#drain();
    this.#moved(tenant);
    return entry;
  }

  #cut(tenant: Tenant, entry: LockEntry): number {
    if (this.#reach === null) return 0;
    const calls = new Set(this.#reach.cut(tenant.name, entry));
    this.#draining.add({ tenant, lock: entry.id, calls });
    return calls.size;
  }

  /** A commit may have held the last end that a lock waits for. */
  #drain(): void {
    if (this.#reach === null) return;
    for (const one of this.#draining) {
      const { tenant, lock } = one;
      const progress = tenant.progress.get(lock);
      one.calls = this.#reach.unended(tenant.name, one.calls);
      if (progress !== undefined && one.calls.size > 0) continue;
      this.#draining.delete(one);
      if (progress === undefined) continue;
      const drainedAt = this.#parts.clock.now();
      progress.drainedAt = drainedAt;
      this.#owe(tenant, { type: "lock.drained", lock, drainedAt });
    }
    if (this.#draining.size > 0) this.#settleSoon();
  }

  #settleSoon(): void {
    this.#cancelSettle ??= this.#parts.clock.after(SETTLE_AGAIN_MS, () => {
      this.#cancelSettle = null;
      for (const { tenant, calls } of this.#draining) this.#reach?.settle(tenant.name, calls);
      this.#drain();
    });
  }

  async #remove(tenant: Tenant, lock: string, by: string): Promise<void> {
    await this.#parts.streams.append(tenant.name, { type: "lock.removed", lock, by });
    this.#end(tenant, lock);
    this.#moved(tenant);
  }

  #lapse(tenant: Tenant, now: number): void {
    const due = tenant.table.due(now);
    for (const lock of due) {
      this.#end(tenant, lock);
      this.#owe(tenant, { type: "lock.expired", lock });
    }
    if (due.length > 0) this.#moved(tenant);
  }

  #end(tenant: Tenant, lock: string): void {
    tenant.table.end(lock, this.#parts.clock.now());
    tenant.progress.delete(lock);
  }

  #owe(
    { name: tenant }: Tenant,
    body:
      | { type: "lock.expired"; lock: string }
      | { type: "lock.drained"; lock: string; drainedAt: number },
  ): void {
    this.#parts.debts.owe({ tenant, body, paid: () => undefined, late: () => undefined });
  }

  #moved(tenant: Tenant): void {
    this.#reach?.moved(tenant.name);
    this.#sleep();
  }

  /** Whatever else such a record says cannot be believed either: nothing is admitted under it. */
  #distrust(tenant: Tenant | undefined): void {
    if (tenant === undefined) return;
    tenant.readable = false;
    this.#parts.observe({ type: "unreadable", tenant: tenant.name, lock: null });
  }

  /** Until the next lock runs out, so that connectors and the record hear of it without a call. */
  #sleep(): void {
    this.#cancelSleep();
    if (this.#reach === null) return;
    const now = this.#parts.clock.now();
    const next = Math.min(
      ...[...this.#tenants.values()].map(({ table }) => {
        table.table(now);
        return table.next;
      }),
    );
    if (next === Infinity) return;
    const ms = Math.min(Math.max(1, next - now), LONGEST_SLEEP_MS);
    this.#cancelSleep = this.#parts.clock.after(ms, () => {
      for (const name of this.#tenants.keys()) this.now(name);
      this.#sleep();
    });
  }
}

/** Asked twice for the same thing: one lock, or removing one of them would not be enough. */
function covers(one: LockEntry, wanted: LockRequest, now: number): boolean {
  const { target, value, reason, by } = wanted;
  const longest = target === "workflow" ? now + MAX_LIFE_MS : Infinity;
  return (
    one.target === target &&
    one.value === value &&
    one.reason === reason &&
    one.by === by &&
    (one.expiresAt ?? Infinity) >= Math.min(wanted.expiresAt ?? Infinity, longest)
  );
}

function newProgress(durable: boolean, calls: number): Progress {
  const tried = Promise.withResolvers<void>();
  if (durable) tried.resolve();
  return { tried, durable, calls, drainedAt: null };
}

function statusOf(entry: LockEntry, { durable, calls, drainedAt }: Progress): LockStatus {
  return { ...entry, durable, calls, drainedAt };
}
