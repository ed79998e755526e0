import type { PostgresDestination } from "./config.ts";
import { PostgresClient } from "./postgres-client.ts";

/** A connection is not used again after so long unused, or after so long at all. */
const MAX_IDLE_MS = 60_000;
const MAX_AGE_MS = 30 * 60_000;

interface Kept {
  readonly client: PostgresClient;
  readonly openedAt: number;
  readonly idleSince: number;
}

export interface Lent {
  readonly client: PostgresClient;
  readonly openedAt: number;
  /** It was used before, so the server may have closed it meanwhile. */
  readonly reused: boolean;
}

/** Few connections, each lent to one request at a time, thrown away after any doubt. */
export class PostgresPool {
  readonly #destination: PostgresDestination;
  readonly #elapsed: () => number;
  readonly #kept: Kept[] = [];
  readonly #waiting: ((granted: boolean) => void)[] = [];
  #lent = 0;
  #closed = false;

  constructor(destination: PostgresDestination, elapsed: () => number) {
    this.#destination = destination;
    this.#elapsed = elapsed;
  }

  /** Null: given up before one was free. Rejects where no connection can be made. */
  async take(signal: AbortSignal): Promise<Lent | null> {
    if (this.#closed || signal.aborted) return null;
    if (this.#lent < this.#destination.connections) this.#lent++;
    else if (!(await this.#turn(signal))) return null;
    try {
      const kept = this.#reuse();
      if (kept !== null) return { ...kept, reused: true };
      const client = await PostgresClient.open(this.#destination);
      return { client, openedAt: this.#elapsed(), reused: false };
    } catch (error) {
      this.#pass();
      throw error;
    }
  }

  /** `clean`: outside of a transaction, with nothing left behind. */
  give({ client, openedAt }: Lent, clean: boolean): void {
    if (!clean || client.closed || this.#closed) client.destroy();
    else this.#kept.push({ client, openedAt, idleSince: this.#elapsed() });
    this.#pass();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const grant of this.#waiting.splice(0)) grant(false);
    await Promise.all(this.#kept.splice(0).map(({ client }) => client.end()));
  }

  /** The last one used first, so that the others grow idle and go. */
  #reuse(): Kept | null {
    const now = this.#elapsed();
    for (let kept = this.#kept.pop(); kept !== undefined; kept = this.#kept.pop()) {
      const young = now - kept.openedAt < MAX_AGE_MS && now - kept.idleSince < MAX_IDLE_MS;
      if (!kept.client.closed && young) return kept;
      void kept.client.end();
    }
    return null;
  }

  /** The place goes to whoever waits longest; nobody can slip in between. */
  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#lent--;
    else next(true);
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const grant = (granted: boolean): void => {
        signal.removeEventListener("abort", giveUp);
        resolve(granted);
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        resolve(false);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(grant);
    });
  }
}
