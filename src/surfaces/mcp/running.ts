import type { Caller } from "../../gateway/call.ts";

/** Ids of requests are numbers or texts, and `1` is not `"1"`. */
export type RequestId = string | number;

/** Calls that clients wait for, so that they can be taken back. */
export class Running {
  readonly #calls = new Map<string, Set<AbortController>>();

  /** `hungUp`: of this request; null where a connection that is gone takes nothing back. */
  async run<T>(
    caller: Caller,
    id: RequestId,
    hungUp: AbortSignal | null,
    work: (cancelled: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const key = keyOf(caller, id);
    const call = new AbortController();
    const same = this.#calls.get(key) ?? new Set();
    this.#calls.set(key, same.add(call));
    const hangUp = (): void => call.abort();
    if (hungUp?.aborted === true) hangUp();
    hungUp?.addEventListener("abort", hangUp, { once: true });
    try {
      return await work(call.signal);
    } finally {
      hungUp?.removeEventListener("abort", hangUp);
      same.delete(call);
      if (same.size === 0) this.#calls.delete(key);
    }
  }

  /**
   * The call of this seat that has this id. There is no session, so each client of a seat counts by
   * itself: where two calls have the same id nobody can say which is meant, and both go on.
   */
  cancel(caller: Caller, id: unknown): void {
    if (typeof id !== "string" && typeof id !== "number") return;
    const [call, ...others] = this.#calls.get(keyOf(caller, id)) ?? [];
    if (others.length === 0) call?.abort();
  }
}

function keyOf({ tenant, workflow, seat }: Caller, id: RequestId): string {
  return JSON.stringify([tenant, workflow, seat, id]);
}
