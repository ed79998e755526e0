import type { Json } from "../core/model/json.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { SqlOperation } from "../core/model/operation.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { framedText } from "./body-text.ts";
import type { PostgresDestination } from "./config.ts";
import { failure, type Execution, type Executor, type Failure } from "./executor.ts";
import { networkFailure } from "./network-failure.ts";
import { NotAQuery, type PostgresClient, type Rows } from "./postgres-client.ts";
import { sqlFailure } from "./postgres-failure.ts";
import { PostgresPool, type Lent } from "./postgres-pool.ts";

/** The server ends a transaction that we left open this much after our own deadline. */
const ABANDONED_SLACK_MS = 1_000;

/** How far a request came: what is true of its effect when it ends here. */
type Phase = "begin" | "statement" | "commit" | "over";

/** One allow-listed database: one transaction a request, under the principals of its token. */
export class PostgresExecutor implements Executor {
  readonly #destination: PostgresDestination;
  readonly #pool: PostgresPool;

  constructor(destination: PostgresDestination, elapsed: () => number = () => performance.now()) {
    this.#destination = destination;
    this.#pool = new PostgresPool(destination, elapsed);
  }

  async execute(execution: Execution): Promise<ConnectorAnswer> {
    if (!("sql" in execution.operation)) return failure("destination_not_found", "none");
    const { sql } = execution.operation;
    const attempt = await this.#attempt(sql, execution);
    // The server had closed an idle connection: nothing was begun, so a new one may try.
    return attempt === "stale" ? this.#fresh(sql, execution) : attempt;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #fresh(sql: SqlOperation["sql"], execution: Execution): Promise<ConnectorAnswer> {
    const again = await this.#attempt(sql, execution);
    return again === "stale" ? failure("connection_terminated", "none") : again;
  }

  async #attempt(
    sql: SqlOperation["sql"],
    execution: Execution,
  ): Promise<ConnectorAnswer | "stale"> {
    let lent: Lent | null;
    try {
      lent = await this.#pool.take(execution.signal);
    } catch (error) {
      return failure(networkFailure(error), "none");
    }
    if (lent === null) return failure("deadline_exceeded", "none");
    const transaction = new Transaction(lent.client, sql, execution, this.#destination);
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

class Transaction {
  readonly #client: PostgresClient;
  readonly #sql: SqlOperation["sql"];
  readonly #execution: Execution;
  readonly #destination: PostgresDestination;
  #phase: Phase = "begin";
  #lost = false;
  #abandoned = false;

  constructor(
    client: PostgresClient,
    sql: SqlOperation["sql"],
    execution: Execution,
    destination: PostgresDestination,
  ) {
    this.#client = client;
    this.#sql = sql;
    this.#execution = execution;
    this.#destination = destination;
  }

  /** The connection is whole and stands where we think it does. */
  get tidy(): boolean {
    return !this.#lost && !this.#abandoned && !this.#client.closed;
  }

  get lostAtBegin(): boolean {
    return this.#lost && this.#phase === "begin";
  }

  /** Never rejects. */
  async run(): Promise<ConnectorAnswer> {
    try {
      return await this.#run();
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Its time is over. Before COMMIT went out the transaction can only be rolled back. */
  abandon(): Failure {
    this.#abandoned = true;
    return failure("deadline_exceeded", this.#effect());
  }

  /** Leaves the transaction behind; true: the connection can be used again. */
  async finish(reset: boolean): Promise<boolean> {
    try {
      if (this.#phase !== "over") await this.#client.rollback();
      if (reset) await this.#client.reset();
      return true;
    } catch {
      return false;
    }
  }

  async #run(): Promise<ConnectorAnswer> {
    const { journaled, cap } = this.#execution;
    const { mode, maxRows } = this.#sql;
    await this.#client.begin(mode, this.#settings(), cap);
    this.#phase = "statement";
    // A write waits for the journal; a read may run beside it, since it ends in a rollback.
    if (mode === "write" && !(await journaled)) return failure("audit_unavailable", "none");
    if (this.#abandoned) return failure("deadline_exceeded", "none");
    const result = new ResultText(maxRows, cap);
    await this.#client.query(
      projected(this.#sql),
      this.#sql.params,
      this.#destination.statements !== "any",
      (rows) => result.add(rows),
      maxRows + 1,
    );
    if (result.ambiguous) return failure("output_invalid", "none");
    if (mode === "read") {
      return (await journaled) ? result.answer() : failure("audit_unavailable", "none");
    }
    if (this.#abandoned) return failure("deadline_exceeded", "none");
    this.#phase = "commit";
    const committed = await this.#client.commit();
    this.#phase = "over";
    return committed ? result.answer() : failure("upstream_rejected", "none");
  }

  #settings(): readonly (readonly [string, string])[] {
    const { principals, timeoutMs } = this.#execution;
    return [
      ["postern.human", principals.human],
      ["postern.agent", principals.agent],
      ["postern.workflow", principals.workflow],
      ["statement_timeout", String(Math.max(1, Math.floor(timeoutMs)))],
      ["idle_in_transaction_session_timeout", String(Math.floor(timeoutMs) + ABANDONED_SLACK_MS)],
      // One text form on every server, so that one reader fits.
      ["TimeZone", "UTC"],
      ["DateStyle", "ISO, YMD"],
      ["IntervalStyle", "iso_8601"],
      ["bytea_output", "hex"],
      ["extra_float_digits", "1"],
      // Last: the role may not be allowed to set the others. `none` drops what a pooler left.
      ["role", this.#destination.role ?? "none"],
    ];
  }

  #failed(error: unknown): Failure {
    if (this.#client.overflowed) return failure("response_too_large", this.#effect());
    if (error instanceof NotAQuery) {
      this.#lost = true;
      return failure("upstream_rejected", "none");
    }
    const sql = sqlFailure(error);
    if (sql === null || sql.fatal) this.#lost = true;
    if (sql === null) return failure(networkFailure(error), this.#effect());
    const effect = sql.fatal ? this.#effect() : "none";
    if (this.#phase === "commit" && !sql.fatal) this.#phase = "over";
    return failure(sql.code satisfies FailureCode, effect);
  }

  #effect(): "none" | "possible" {
    return this.#phase === "commit" ? "possible" : "none";
  }
}

/** Only the named columns are read out of a query: a denied one does not leave the database. */
function projected(sql: SqlOperation["sql"]): string {
  if (sql.columns === undefined || sql.mode !== "read") return sql.statement;
  const columns = sql.columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ");
  // On lines of its own: a trailing comment must not swallow the bracket.
  return `select ${columns} from (\n${sql.statement.replace(/;\s*$/, "")}\n) as q`;
}

/** `{"rows":[…]}`, written row by row until a cap ends it. */
class ResultText {
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #rows: string[] = [];
  #bytes = '{"rows":[]}'.length;
  #truncated = false;
  /** Two columns with one name: whoever classifies one of them would deliver the other. */
  ambiguous = false;

  constructor(maxRows: number, maxBytes: number) {
    this.#maxRows = maxRows;
    this.#maxBytes = maxBytes;
  }

  add({ names, rows }: Rows): "more" | "enough" {
    if (new Set(names).size !== names.length || names.includes("__proto__")) this.ambiguous = true;
    if (this.ambiguous) return "enough";
    for (const row of rows) {
      const text = JSON.stringify(
        Object.fromEntries(row.map((value: Json, at) => [names[at] ?? "", value])),
      );
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#rows.length >= this.#maxRows || this.#bytes + bytes > this.#maxBytes) {
        this.#truncated = true;
        return "enough";
      }
      this.#bytes += bytes;
      this.#rows.push(text);
    }
    return "more";
  }

  answer(): ConnectorAnswer {
    return {
      ok: true,
      status: 200,
      contentType: "application/json",
      ...framedText(`{"rows":[${this.#rows.join(",")}]}`),
      truncated: this.#truncated,
    };
  }
}
