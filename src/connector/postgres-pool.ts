import type { PostgresDestination } from "./config.ts";
import { PostgresClient } from "./postgres-client.ts";

/** An idle connection is closed after this long, an old one is not used again. */
const MAX_IDLE_MS = 60_000;
const MAX_AGE_MS = 30 * 60_000;

interface Idle {
  readonly client: PostgresClient;
  readonly openedAt: number;
  readonly idleSince: number;
}

interface Waiter {
  resolve(client: PostgresClient | null): void;
}

/** Few connections, each lent to one request at a time, thrown away after any doubt. */
export class PostgresPool {
  readonly #destination: PostgresDestination;
  readonly #elapsed: () => number;
  readonly #idle: Idle[] = [];
  readonly #openedAt = new Map<PostgresClient, number>();
  readonly #waiting: Waiter[] = [];
  #lent = 0;
  #closed = false;

  constructor(destination: PostgresDestination, elapsed: () => number = () => performance.now()) {
    this.#destination = destination;
    this.#elapsed = elapsed;
  }

  /** Null: given up before one was free. Rejects where no connection can be made. */
  async take(signal: AbortSignal): Promise<{ client: PostgresClient; reused: boolean } | null> {
    if (this.#lent >= this.#destination.connections && !(await this.#turn(signal))) return null;
    if (this.#closed || signal.aborted) {
      this.#next();
      return null;
    }
    this.#lent++;
    const reused = this.#reuse();
    if (reused !== null) return { client: reused, reused: true };
    try {
      const client = await PostgresClient.open(this.#destination);
      this.#openedAt.set(client, this.#elapsed());
      return { client, reused: false };
    } catch (error) {
      this.#return();
      throw error;
    }
  }

  /** `clean`: outside of a transaction, with nothing left behind. */
  give(client: PostgresClient, clean: boolean): void {
    const openedAt = this.#openedAt.get(client) ?? 0;
    if (!clean || client.closed || this.#closed) {
      this.#openedAt.delete(client);
      client.destroy();
    } else this.#idle.push({ client, openedAt, idleSince: this.#elapsed() });
    this.#return();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(null);
    await Promise.all(this.#idle.splice(0).map(({ client }) => client.end()));
  }

  /** The youngest first, so that the others grow idle and go. */
  #reuse(): PostgresClient | null {
    const now = this.#elapsed();
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { client, openedAt, idleSince } = idle;
      if (!client.closed && now - openedAt < MAX_AGE_MS && now - idleSince < MAX_IDLE_MS) {
        return client;
      }
      this.#openedAt.delete(client);
      void client.end();
    }
    return null;
  }

  #return(): void {
    this.#lent--;
    this.#next();
  }

  #next(): void {
    if (this.#lent < this.#destination.connections) this.#waiting.shift()?.resolve(null);
  }

  async #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        resolve: () => {
          signal.removeEventListener("abort", onAbort);
          resolve(!signal.aborted);
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(false);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }
}
