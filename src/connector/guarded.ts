import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { Breaker } from "./breaker.ts";
import { failure, type Execution, type Executor, type TransactionEnd } from "./executor.ts";
import type { Limits } from "./limits.ts";
import { Turns } from "./turns.ts";

/** When a place may be free again, as far as anybody can tell. */
const FULL_RETRY_MS = 1_000;

/**
 * Every destination stands behind one of these, so that one that is slow, hostile or gone costs the
 * others of this connector neither places nor time.
 */
export class GuardedExecutor implements Executor {
  readonly #inner: Executor;
  readonly #turns: Turns;
  readonly #breaker: Breaker;

  constructor(
    inner: Executor,
    limits: Limits,
    elapsed: () => number,
    changed: (open: boolean) => void,
  ) {
    this.#inner = inner;
    this.#turns = new Turns(limits);
    this.#breaker = new Breaker(elapsed, changed);
  }

  async execute(execution: Execution): Promise<ConnectorAnswer> {
    const { principals, tool, signal } = execution;
    const turn = await this.#turns.take(
      [`workflow ${principals.workflow}`, `tool ${tool}`],
      signal,
    );
    if (turn === "full") {
      return { ...failure("busy", "none"), retryAfterMs: FULL_RETRY_MS };
    }
    if (!turn.granted) return failure("deadline_exceeded", "none");
    try {
      const pause = this.#breaker.pause();
      if (pause !== null) {
        return { ...failure(pause.code, "none"), retryAfterMs: pause.retryAfterMs };
      }
      const answer = await this.#inner.execute(execution);
      this.#breaker.ended(answer);
      return answer;
    } catch (error) {
      this.#breaker.ended(failure("internal_error", "possible"));
      throw error;
    } finally {
      turn.give();
    }
  }

  /** Asked about the past: few at a time, and nobody's request. */
  async endOf(xid: string, signal: AbortSignal): Promise<TransactionEnd> {
    return (await this.#inner.endOf?.(xid, signal)) ?? "started";
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
