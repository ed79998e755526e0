import type { SqlOperation } from "../core/model/operation.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import type { PostgresDestination } from "./config.ts";
import { embedderOf, type Embedder } from "./embedder.ts";
import {
  failure,
  type Execution,
  type Executor,
  type Failure,
  type TransactionEnd,
} from "./executor.ts";
import { networkFailure } from "./network-failure.ts";
import { endOf } from "./postgres-end.ts";
import { PostgresPool, type Lent } from "./postgres-pool.ts";
import { Transaction } from "./postgres-transaction.ts";

/** One allow-listed database: one transaction a request, under the principals of its token. */
export class PostgresExecutor implements Executor {
  readonly #destination: PostgresDestination;
  readonly #pool: PostgresPool;
  readonly #embedder: Embedder | null;

  constructor(destination: PostgresDestination, elapsed: () => number = () => performance.now()) {
    this.#destination = destination;
    this.#pool = new PostgresPool(destination, elapsed);
    this.#embedder = destination.embedding && embedderOf(destination.embedding);
  }

  async execute(execution: Execution): Promise<ConnectorAnswer> {
    if (!("sql" in execution.operation)) return failure("destination_not_found", "none");
    const asked = execution.operation.sql;
    // A write that may commit is journalled once it has a number; whatever is rolled back, at once.
    const commits = asked.mode === "write" && execution.mode === "execute";
    const journaled = commits ? null : execution.journal(null);
    const sql = asked.embed ? await this.#embedded(asked, execution, journaled) : asked;
    if ("ok" in sql) return sql;
    const attempt = await this.#attempt(sql, execution, journaled);
    if (attempt !== "stale") return attempt;
    // The server had closed an idle connection: nothing was begun, so a new one may try.
    const again = await this.#attempt(sql, execution, journaled);
    return again === "stale" ? failure("connection_terminated", "none") : again;
  }

  endOf(xid: string, signal: AbortSignal): Promise<TransactionEnd> {
    return endOf(this.#pool, xid, signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#embedder?.close()]);
  }

  /** Texts may leave for another service here, so the journal comes first. */
  async #embedded(
    sql: SqlOperation["sql"],
    within: Execution,
    journaled: Promise<boolean> | null,
  ): Promise<SqlOperation["sql"] | Failure> {
    const { embed = [], params } = sql;
    const texts = embed.map((at) => params[at]).filter((text) => typeof text === "string");
    if (this.#embedder === null || texts.length !== embed.length) {
      return failure("destination_not_found", "none");
    }
    if ((await journaled) !== true) return failure("audit_unavailable", "none");
    if (within.signal.aborted) return failure("deadline_exceeded", "none");
    const embedded = await this.#embedder.embed(texts, within);
    if (!embedded.ok) return embedded;
    const vectors = new Map(embed.map((at, of) => [at, embedded.vectors[of] ?? null]));
    return { ...sql, params: params.map((param, at) => vectors.get(at) ?? param) };
  }

  async #attempt(
    sql: SqlOperation["sql"],
    execution: Execution,
    journaled: Promise<boolean> | null,
  ): Promise<ConnectorAnswer | "stale"> {
    let lent: Lent | null;
    try {
      lent = await this.#pool.take(execution.signal);
    } catch (error) {
      return failure(networkFailure(error), "none");
    }
    if (lent === null) return failure("deadline_exceeded", "none");
    const transaction = new Transaction(lent.client, sql, execution, this.#destination, journaled);
    const answer = await withAbort(execution.signal, transaction);
    if (!transaction.tidy) {
      this.#pool.give(lent, false);
      return transaction.lostAtBegin && lent.reused ? "stale" : answer;
    }
    // The answer need not wait until the connection is clean.
    void transaction.finish(this.#destination.statements === "any").then((clean) => {
      this.#pool.give(lent, clean);
    });
    return answer;
  }
}

/** Whatever comes first: the end of the transaction or the end of its time. */
function withAbort(signal: AbortSignal, transaction: Transaction): Promise<ConnectorAnswer> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(transaction.abandon());
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    void transaction.run().then((answer) => {
      signal.removeEventListener("abort", onAbort);
      resolve(answer);
    });
  });
}
