import type { SqlOperation } from "../core/model/operation.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { MAX_OBSERVED_BYTES } from "../tunnel/protocol.ts";
import { isGuarded } from "./allow.ts";
import { framedText } from "./body-text.ts";
import type { PostgresDestination } from "./config.ts";
import { wholeMs } from "./deadline.ts";
import { failure, type Execution, type Failure } from "./executor.ts";
import { networkFailure } from "./network-failure.ts";
import {
  NotAQuery,
  wrapped,
  type Beginning,
  type PostgresClient,
  type Settings,
} from "./postgres-client.ts";
import { sqlFailure } from "./postgres-failure.ts";
import {
  isApproved,
  QueryObserver,
  Unobservable,
  wholeRows,
  type Look,
  type Observed,
  type Observer,
} from "./postgres-observe.ts";
import { ResultText } from "./postgres-result.ts";
import { RowObserver } from "./postgres-rows.ts";

/** The server ends a transaction that we left open this much after our own deadline. */
const ABANDONED_SLACK_MS = 1_000;

/**
 * A preview does not queue for a row that somebody else is writing: while it waited, it would keep the
 * rows it has already, and who asked for it is told to come again.
 */
const PREVIEW_LOCK_MS = 1_000;

/**
 * A guarded statement means here what it meant to the guard: a name without a schema is PostgreSQL's
 * own, whatever functions and operators the database has beside them, and a backslash is a backslash.
 */
const AS_GUARDED: Settings = [
  ["search_path", "pg_catalog, pg_temp"],
  ["standard_conforming_strings", "on"],
];

/** How far a request came: what is true of its effect when it ends here. */
type Phase = "begin" | "statement" | "commit" | "over";

/** One request on one connection, from BEGIN to COMMIT or ROLLBACK. */
export class Transaction {
  readonly #client: PostgresClient;
  readonly #sql: SqlOperation["sql"];
  readonly #execution: Execution;
  readonly #destination: PostgresDestination;
  /** Null: it may commit, so it is journalled with its number. */
  readonly #journaled: Promise<boolean> | null;
  /** Null: nobody looks at what it changes. */
  readonly #observer: Observer | null;
  #phase: Phase = "begin";
  #observing = false;
  #lost = false;
  #spoiled = false;
  #abandoned = false;

  constructor(
    client: PostgresClient,
    sql: SqlOperation["sql"],
    execution: Execution,
    destination: PostgresDestination,
    journaled: Promise<boolean> | null,
  ) {
    this.#client = client;
    this.#sql = sql;
    this.#execution = execution;
    this.#destination = destination;
    this.#journaled = journaled;
    this.#observer = observerOf(sql);
  }

  /** The connection is whole and stands where we think it does. */
  get tidy(): boolean {
    return !this.#lost && !this.#spoiled && !this.#abandoned && !this.#client.closed;
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
    const { cap, preview: seal } = this.#execution;
    const { mode, maxRows } = this.#sql;
    const xid = await this.#client.begin(this.#beginning());
    this.#phase = "statement";
    if (this.#abandoned) return failure("deadline_exceeded", "none");
    const journaled = this.#journaled ?? this.#execution.journal(xid);
    const observer = this.#observer;
    if (observer !== null) await observer.before(this.#look);
    // A write waits for the journal; a read may run beside it, since it ends in a rollback.
    if (mode === "write" && !(await journaled)) return failure("audit_unavailable", "none");
    if (this.#abandoned) return failure("deadline_exceeded", "none");
    const result = new ResultText(maxRows, cap);
    await this.#client.query(
      observer?.statement ?? projected(this.#sql),
      this.#sql.params,
      this.#prepares,
      (rows) => result.add(rows),
      maxRows + 1,
    );
    if (result.ambiguous) return failure("output_invalid", "none");
    if (mode === "read") {
      return (await journaled) ? answered(result, null) : failure("audit_unavailable", "none");
    }
    if (observer !== null) await this.#client.runDeferred();
    const change = (await observer?.change(this.#look, result)) ?? null;
    // Here a preview ends, for every statement: what is not committed is rolled back.
    if (this.#execution.mode === "preview") {
      return change === null
        ? failure("preview_unavailable", "none")
        : answered(new ResultText(0, 0), change);
    }
    if (seal !== null && (change === null || !isApproved(seal, change.change))) {
      return failure("preview_stale", "none");
    }
    if (this.#abandoned) return failure("deadline_exceeded", "none");
    this.#phase = "commit";
    const committed = await this.#client.commit();
    this.#phase = "over";
    return committed ? answered(result, change) : failure("upstream_rejected", "none");
  }

  /**
   * Isolation of a write that observes. SERIALIZABLE, because the change is worked out from what was
   * read: of two executions that each leave the other's approved "before" untrue one fails, also where
   * they write different rows (two inserts), which row locks and REPEATABLE READ let pass. A preview
   * only needs one snapshot for both looks; SERIALIZABLE would let it make executions fail.
   */
  #beginning(): Beginning {
    const { cap, mode } = this.#execution;
    const begin = { mode: this.#sql.mode, settings: this.#settings() };
    const numbered = this.#journaled === null;
    if (this.#observer === null) return { ...begin, isolation: null, cap, numbered };
    const isolation = mode === "preview" ? "repeatable read" : "serializable";
    return { ...begin, isolation, cap: cap + 2 * MAX_OBSERVED_BYTES, numbered };
  }

  readonly #look: Look = async (statement, params, maxRows) => {
    this.#observing = true;
    const text = await wholeRows(maxRows, (take) =>
      this.#client.look(statement, params, this.#prepares, this.#settings(), take, maxRows + 1),
    );
    this.#observing = false;
    return text;
  };

  /** Texts that come once would fill the server's memory with plans. */
  get #prepares(): boolean {
    return this.#destination.statements instanceof Set;
  }

  #settings(): Settings {
    const { principals, remainingMs, mode } = this.#execution;
    const timeoutMs = wholeMs(remainingMs());
    const lockMs = mode === "preview" ? Math.min(PREVIEW_LOCK_MS, timeoutMs) : timeoutMs;
    return [
      ["postern.human", principals.human],
      ["postern.agent", principals.agent],
      ["postern.workflow", principals.workflow],
      ["statement_timeout", String(timeoutMs)],
      ["lock_timeout", String(lockMs)],
      ["idle_in_transaction_session_timeout", String(timeoutMs + ABANDONED_SLACK_MS)],
      // One text form on every server, so that one reader fits.
      ["TimeZone", "UTC"],
      ["DateStyle", "ISO, YMD"],
      ["IntervalStyle", "iso_8601"],
      ["bytea_output", "hex"],
      ["extra_float_digits", "1"],
      ...(isGuarded(this.#destination.statements) ? AS_GUARDED : []),
      // Last: the role may not be allowed to set the others. `none` drops what a pooler left.
      ["role", this.#destination.role ?? "none"],
    ];
  }

  #failed(error: unknown): Failure {
    if (error instanceof Unobservable) return failure(error.code, "none");
    if (this.#client.overflowed) {
      return failure(this.#observing ? "preview_too_large" : "response_too_large", this.#effect());
    }
    if (error instanceof NotAQuery) {
      this.#lost = true;
      return failure("upstream_rejected", "none");
    }
    const sql = sqlFailure(error);
    if (sql === null || sql.fatal) this.#lost = true;
    // A statement that wanted what it may not, or did not end, has left nobody knows what behind.
    else if (!sql.ordinary && this.#phase !== "begin") this.#spoiled = true;
    if (sql === null) return failure(networkFailure(error), this.#effect());
    const effect = sql.fatal ? this.#effect() : "none";
    if (this.#phase === "commit" && !sql.fatal) this.#phase = "over";
    if (sql.blocked && this.#execution.mode === "preview") {
      return failure("preview_unavailable", effect);
    }
    // Somebody was faster: what was approved is no longer what would happen.
    const stale = sql.conflict && this.#execution.preview !== null;
    return failure(stale ? "preview_stale" : sql.code, effect);
  }

  #effect(): "none" | "possible" {
    return this.#phase === "commit" ? "possible" : "none";
  }
}

function observerOf(sql: SqlOperation["sql"]): Observer | null {
  const { observe } = sql;
  if (observe === undefined) return null;
  return "relation" in observe ? new RowObserver(sql, observe) : new QueryObserver(sql, observe);
}

function answered(result: ResultText, change: Observed | null): ConnectorAnswer {
  return {
    ok: true,
    status: 200,
    contentType: "application/json",
    ...framedText(result.text()),
    truncated: result.truncated,
    ...(change !== null && { observed: { before: change.before, after: change.after } }),
  };
}

/** Only the named columns are read out of a query: a denied one does not leave the database. */
function projected(sql: SqlOperation["sql"]): string {
  if (sql.columns === undefined || sql.mode !== "read") return sql.statement;
  const columns = sql.columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ");
  return wrapped(columns, sql.statement);
}
