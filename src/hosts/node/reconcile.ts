import type { Journal } from "./journal.ts";
import type { Directory } from "./directory.ts";
import type { NodeSessions } from "./sessions.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import type { SeenState } from "../../tunnel/protocol.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { AuditUnavailable, type Session } from "../../gateway/ports.ts";

/** After a start: every call that was out when the process died gets its durable end. */
export function settleInterrupted(
  directory: Directory,
  sessions: NodeSessions,
  journal: Journal,
): { readonly workflows: number; readonly corrupt: readonly string[] } {
  const unsettled = directory.unsettled();
  const corrupt: string[] = [];
  for (const { tenant, workflow } of unsettled) {
    try {
      sessions.load(tenant, workflow);
    } catch (error) {
      if (!(error instanceof AuditUnavailable)) throw error;
      corrupt.push(workflow);
    }
  }
  journal.flush();
  return { workflows: unsettled.length, corrupt };
}

const ASK_AGAIN_MS = 10_000;
/** What was sent again without an answer is sent again after twice as long each time, up to this. */
const LONGEST_PAUSE_MS = 10 * 60_000;
/** Calls that are sent again at the same time: a service that was away must not meet all at once. */
const MAX_RESENDING = 8;

export interface ReconcilerHost {
  readonly directory: Pick<Directory, "openCalls">;
  readonly sessions: Pick<NodeSessions, "find">;
  readonly end: Pick<GatewayEnd, "live" | "seen">;
  readonly clock: Clock;
  /** Once more, where the service acts once on one key. False: not this one, now or later. */
  resend(tenant: string, session: Session, call: string): Promise<boolean>;
  /** A defect, or a record that cannot be written: the next round tries again. */
  failed(tenant: string, connector: string | null): void;
}

interface Open {
  readonly tenant: string;
  readonly workflow: string;
  readonly connector: string;
  /** Its session of now. */
  readonly live: string;
  readonly call: string;
}

/** What was found out in one session of a connector. */
interface Known {
  /** Calls of which it has said all that it will say. */
  readonly told: Set<string>;
  /** When a call may be sent again, and how long it waited for that. */
  readonly pauses: Map<string, { readonly until: number; readonly ms: number }>;
}

/**
 * Ends what is unknown. A connector is asked about our open calls when its session begins, and again
 * while that lasts: a transaction that was still running has an end a moment later, and a call may
 * become unknown in a session that goes on.
 */
export class Reconciler implements Disposable {
  readonly #host: ReconcilerHost;
  readonly #stop = new AbortController();
  readonly #resending = new Set<string>();

  constructor(host: ReconcilerHost) {
    this.#host = host;
  }

  /** Asks until this session of the connector is over. */
  async begun(tenant: string, connector: string): Promise<void> {
    const { end, clock, failed } = this.#host;
    const session = end.live(tenant, connector)?.session;
    if (session === undefined) return;
    const known: Known = { told: new Set(), pauses: new Map() };
    // Calls that were cut with the session before this one settle as unknown in this very turn.
    await new Promise(setImmediate);
    while (!this.#stop.signal.aborted && end.live(tenant, connector)?.session === session) {
      await this.#round(tenant, connector, session, known).catch(() => failed(tenant, connector));
      await after(clock, ASK_AGAIN_MS, this.#stop.signal);
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /**
   * Never seen, under a session that is over, is a proof that nothing left (design section 4); of what
   * the connector saw it may know the end, or the database may.
   */
  async #round(tenant: string, connector: string, live: string, known: Known): Promise<void> {
    const { directory, clock, failed } = this.#host;
    for (const open of directory.openCalls(tenant, connector)) {
      const until = known.pauses.get(open.call)?.until ?? -Infinity;
      if (known.told.has(open.call) || clock.elapsed() < until) continue;
      try {
        if (!(await this.#ask({ tenant, connector, live, ...open }, known))) return;
      } catch (error) {
        // One record that cannot be read must not keep the others from their end.
        if (!(error instanceof AuditUnavailable)) throw error;
        failed(tenant, connector);
      }
    }
  }

  /** False: the connector cannot be asked now. */
  async #ask({ tenant, workflow, connector, live, call }: Open, known: Known): Promise<boolean> {
    const { sessions, end } = this.#host;
    const session = await sessions.find(tenant, workflow);
    const unknown = session?.state.unknown.find((one) => one.call === call);
    if (session === null || unknown === undefined) return true;
    const state = await end.seen(tenant, connector, call);
    if (state === null) return false;
    // A session that lives may still be about to begin it: then never seen proves nothing.
    if (state === "never" && unknown.session === live) return true;
    if (state === "never" || state === "committed" || state === "aborted") {
      await session.submit({ type: "reconcile", call, session: unknown.session, finding: state });
    } else this.#again(tenant, session, call, state, known);
    return true;
  }

  /** The journal cannot tell more of an HTTP request; its service can, by the idempotency key. */
  #again(tenant: string, session: Session, call: string, state: SeenState, known: Known): void {
    const { clock, resend, failed } = this.#host;
    if (this.#resending.size >= MAX_RESENDING || this.#resending.has(call)) return;
    const before = known.pauses.get(call)?.ms;
    const ms = before === undefined ? ASK_AGAIN_MS : Math.min(2 * before, LONGEST_PAUSE_MS);
    this.#resending.add(call);
    void resend(tenant, session, call)
      .then((later) => {
        if (later) known.pauses.set(call, { until: clock.elapsed() + ms, ms });
        else if (state !== "started") known.told.add(call);
      })
      .catch(() => failed(tenant, null))
      .finally(() => this.#resending.delete(call));
  }
}

function after(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => {
      stop.removeEventListener("abort", stopped);
      resolve();
    });
    const stopped = (): void => {
      cancel();
      resolve();
    };
    if (stop.aborted) stopped();
    else stop.addEventListener("abort", stopped, { once: true });
  });
}
