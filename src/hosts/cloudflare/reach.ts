import type { Lock } from "../../core/model/lock.ts";
import { lockRules, type LockSubject } from "../../core/session/locks.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { NodeKeys } from "../node/keys.ts";
import type { Reach } from "../node/locks.ts";
import type { Stub } from "./platform.ts";
import type { SessionObject } from "./session.ts";
import { LEASE_MS } from "./standing.ts";

export interface LeaseParts {
  readonly tenant: string;
  readonly end: Pick<GatewayEnd, "cut" | "expel" | "beatNow">;
  readonly keys: Pick<NodeKeys, "revoke">;
  readonly clock: Clock;
  stub(workflow: string): Stub<SessionObject>;
}

/** A call that left, and everybody who stands behind it. */
interface Out {
  readonly workflow: string;
  readonly line: readonly LockSubject[];
}

/** A session that died never says that its calls have ended; their results are withheld by itself. */
const MAX_OUT = 20_000;

/**
 * Who acts on what this object told them, and what of theirs is under way. A lock is in force when each
 * holder has heard of it, or its lease has run out; an object that starts knows no holders, so it waits
 * for as long as one could be left.
 */
export class Leases implements Reach {
  readonly #parts: LeaseParts;
  readonly #startedAt: number;
  /** Until when, by the monotonic clock, each holder may act. */
  readonly #holders = new Map<string, number>();
  readonly #out = new Map<string, Out>();
  #reached: Promise<void> = Promise.resolve();

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.elapsed();
  }

  /** Counted from after it was granted; the holder counts from before it asked. */
  grant(workflow: string): void {
    const now = this.#parts.clock.elapsed();
    // Kept in the order in which they end, so that nobody looks at all of them for each.
    for (const [holder, until] of this.#holders) {
      if (until > now) break;
      this.#holders.delete(holder);
    }
    this.#holders.delete(workflow);
    this.#holders.set(workflow, now + LEASE_MS);
  }

  left(call: string, out: Out): void {
    this.#out.set(call, out);
    for (const [oldest] of this.#out) {
      if (this.#out.size <= MAX_OUT) break;
      this.#out.delete(oldest);
    }
  }

  /** Of a call that is under way; null: it is not. */
  workflowOf(call: string): string | null {
    return this.#out.get(call)?.workflow ?? null;
  }

  ended(call: string): void {
    this.#out.delete(call);
  }

  /** Resolves when every lock of before now is in force at all who hold a lease. */
  get reached(): Promise<void> {
    return this.#reached;
  }

  cut(tenant: string, lock: Lock): readonly string[] {
    const { end, keys } = this.#parts;
    keys.revoke(tenant, lock);
    const table = { epoch: 0, locks: [lock], revocations: [] };
    const held = [...this.#out].flatMap(([call, { line }]) =>
      line.some((subject) => lockRules(table, subject).length > 0) ? call : [],
    );
    if (held.length > 0) end.cut(tenant, new Set(held));
    if (lock.target === "connector") end.expel(tenant, lock.value);
    return held;
  }

  unended(_tenant: string, calls: ReadonlySet<string>): Set<string> {
    return new Set([...calls].filter((call) => this.#out.has(call)));
  }

  /** Its session may have lost its memory, and gives it an end when it is looked at. */
  settle(_tenant: string, calls: ReadonlySet<string>): void {
    for (const call of calls) {
      const workflow = this.#out.get(call)?.workflow;
      if (workflow === undefined) continue;
      this.#parts
        .stub(workflow)
        .carries(call)
        .then(
          (carried) => (carried ? undefined : this.#out.delete(call)),
          () => undefined,
        );
    }
  }

  moved(tenant: string): void {
    this.#parts.end.beatNow(tenant);
    const told = [...this.#holders].map(([workflow, until]) => this.#tell(workflow, until));
    const before = this.#reached;
    this.#reached = Promise.all([before, this.#expiry(this.#startedAt + LEASE_MS), ...told]).then(
      () => undefined,
    );
  }

  /** Heard, or not able to act any more. */
  async #tell(workflow: string, until: number): Promise<void> {
    const heard = this.#parts.stub(workflow).renew();
    await Promise.race([heard.catch(() => this.#expiry(until)), this.#expiry(until)]);
  }

  #expiry(until: number): Promise<void> {
    const left = until - this.#parts.clock.elapsed();
    if (left <= 0) return Promise.resolve();
    return new Promise((resolve) => void this.#parts.clock.after(left, resolve));
  }
}
