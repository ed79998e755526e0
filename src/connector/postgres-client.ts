import type { Socket } from "node:net";
import postgres from "postgres";
import type { Json } from "../core/model/json.ts";
import type { PostgresDestination } from "./config.ts";
import { codeOf } from "./network-failure.ts";
import { cancelStatement, openSocket } from "./postgres-socket.ts";
import { PARSED_OIDS, parserOf, serialize } from "./postgres-values.ts";

/** Rows come in portions of this size, so that a cap ends a long result early. */
const ROWS_AT_ONCE = 500;
/** Bytes the server may send for one request beyond twice its cap: one more portion, headers. */
const WIRE_SLACK_BYTES = 1_024 * 1_024;

const GOODBYE_S = 1;

export type Settings = readonly (readonly [string, string])[];

export interface Beginning {
  readonly mode: "read" | "write";
  /** Null: the server's own default. */
  readonly isolation: "repeatable read" | "serializable" | null;
  readonly settings: Settings;
  /** Bytes of everything that is to be kept. */
  readonly cap: number;
  readonly numbered: boolean;
}

export interface Rows {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Json[])[];
}

/** The part of a postgres.js query we use. */
interface RawQuery extends PromiseLike<unknown> {
  values(): RawQuery;
  cursor(rows: number, take: (batch: RawBatch) => unknown): RawQuery;
}

type RawBatch = Json[][] & {
  readonly columns?: readonly { readonly name: string }[] | undefined;
  readonly command?: string;
  readonly state?: { readonly pid: number; readonly secret: number };
};

/**
 * One physical connection, used by one request at a time. postgres.js would silently reconnect
 * between two statements and run the second outside of its transaction: the socket is handed over
 * once, so a lost connection stays lost.
 */
export class PostgresClient {
  readonly #destination: PostgresDestination;
  readonly #socket: Socket;
  readonly #sql: postgres.Sql;
  #backend: { readonly pid: number; readonly secret: number } | null = null;
  #wireLimit = WIRE_SLACK_BYTES;
  #wireBytes = 0;
  #overflowed = false;
  #closed = false;

  private constructor(destination: PostgresDestination, socket: Socket) {
    this.#destination = destination;
    this.#socket = socket;
    let handed = false;
    // Whatever happens to an idle socket is learned from its end, not from an uncaught event.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#closed = true;
    });
    this.#sql = postgres({
      ...PLAIN_OPTIONS,
      database: destination.database,
      username: destination.user,
      password: destination.password.value,
      socket: () => {
        // Closed before anybody listened: nobody would be told again.
        if (handed || socket.destroyed) return Promise.reject(new Error("connection lost"));
        handed = true;
        socket.on("data", (bytes: Buffer) => this.#count(bytes.length));
        return Promise.resolve(socket);
      },
    } as unknown as SocketOptions);
  }

  static async open(destination: PostgresDestination): Promise<PostgresClient> {
    return new PostgresClient(destination, await openSocket(destination));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The server sent more than any answer may hold, and the connection was cut. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Begins a transaction and puts the settings into it, for its length only. Its number if asked. */
  async begin({ mode, isolation, settings, cap, numbered }: Beginning): Promise<string | null> {
    this.#wireBytes = 0;
    this.#wireLimit = 2 * cap + WIRE_SLACK_BYTES;
    const level = isolation === null ? "" : `isolation level ${isolation} `;
    const [begun, set] = await Promise.all([
      this.#run(`begin ${level}${mode === "read" ? "read only" : "read write"}`, [], true),
      this.#run(`select ${setters(settings)}${numbered ? XID : ""}`, settings.flat(), false),
    ]).catch((error: unknown) => {
      // Log-in comes with the first statement. SQLSTATE class 28: our secret may have been rotated.
      if (codeOf(error)?.startsWith("28") === true) this.#destination.password.refused();
      throw error;
    });
    this.#backend = begun.state ?? null;
    if (!numbered) return null;
    const [row] = set as unknown as readonly { readonly xid?: unknown }[];
    if (typeof row?.xid !== "string") throw new Error("the server did not number a transaction");
    return row.xid;
  }

  /**
   * A query that cannot write, whatever its text says: in a subtransaction that is read only and rolled
   * back, as a subquery, where nothing but a query can stand. The settings once more, because the
   * statement before it may have changed them.
   */
  async look(
    statement: string,
    params: readonly Json[],
    prepare: boolean,
    settings: Settings,
    take: (rows: Rows) => "more" | "enough",
    expected: number,
  ): Promise<void> {
    await Promise.all([
      this.#run("savepoint postern; set transaction read only", [], true),
      this.#run(`select ${setters(settings)}`, settings.flat(), false),
    ]);
    await this.query(wrapped("*", statement), params, prepare, take, expected);
    await this.#run("rollback to savepoint postern; release savepoint postern", [], true);
  }

  /** What would run at COMMIT runs now: its effects are part of the change, its refusals come early. */
  async runDeferred(): Promise<void> {
    await this.#run("set constraints all immediate", [], true);
  }

  /** One statement, in the extended protocol: a second one in the same text is a syntax error. */
  async query(
    statement: string,
    params: readonly Json[],
    prepare: boolean,
    take: (rows: Rows) => "more" | "enough",
    expected: number,
  ): Promise<void> {
    let names: readonly string[] = [];
    const query = this.#query(statement, params, { prepare });
    const result = await query.values().cursor(Math.min(expected, ROWS_AT_ONCE), (batch) => {
      names = batch.columns?.map((column) => column.name) ?? names;
      return take({ names, rows: [...batch] }) === "enough" ? this.#sql.CLOSE : undefined;
    });
    // COPY answers with a stream, and leaves a connection nothing else can use.
    if (!Array.isArray(result)) throw new NotAQuery();
    // None: rows of it came, and the rest was not wanted.
    const { command = null } = result as RawBatch;
    if (command !== null && !DATA_COMMANDS.has(command)) throw new NotAQuery();
  }

  /** False: the server rolled back instead. */
  async commit(): Promise<boolean> {
    return (await this.#run("commit", [], true)).command === "COMMIT";
  }

  async rollback(): Promise<void> {
    await this.#run("rollback", [], true);
  }

  /** Takes back what a statement nobody reviewed may have left in the connection. */
  async reset(): Promise<void> {
    await this.#run(RESET, [], true);
  }

  /** Ends the statement under way, and the connection. Safe at any moment. */
  destroy(): void {
    if (!this.#closed && this.#backend !== null) {
      void cancelStatement(this.#destination, this.#backend);
    }
    this.#closed = true;
    this.#socket.destroy();
    void this.#sql.end({ timeout: 0 }).catch(() => undefined);
  }

  /** An idle connection says goodbye. */
  async end(): Promise<void> {
    this.#closed = true;
    await this.#sql.end({ timeout: GOODBYE_S }).catch(() => undefined);
    this.#socket.destroy();
  }

  async #run(text: string, params: readonly Json[], simple: boolean): Promise<RawBatch> {
    // Where any statement may run, one may be DEALLOCATE ALL.
    const prepare = !simple && this.#destination.statements !== "any";
    return (await this.#query(text, params, { simple, prepare })) as RawBatch;
  }

  #query(text: string, params: readonly Json[], options: QueryOptions): RawQuery {
    // Type 0: the server infers it, then `serialize` learns it.
    const typed = params.map((one) => this.#sql.typed(one === null ? null : new Param(one), 0));
    return this.#sql.unsafe(text, typed as never[], options) as unknown as RawQuery;
  }

  #count(bytes: number): void {
    this.#wireBytes += bytes;
    if (this.#wireBytes <= this.#wireLimit) return;
    this.#overflowed = true;
    this.#socket.destroy();
  }
}

/** `set_config`, for this transaction, one call each; the parameters are the settings, flat. */
function setters(settings: Settings): string {
  return settings
    .map((_, at) => `pg_catalog.set_config($${2 * at + 1}, $${2 * at + 2}, true)`)
    .join(", ");
}

/** PostgreSQL 13 and later. Assigns a number where a write would have done so a moment later. */
const XID = ", pg_catalog.pg_current_xact_id()::text as xid";

/** On lines of its own: a trailing comment must not swallow the bracket. */
export function wrapped(columns: string, statement: string): string {
  return `select ${columns} from (\n${statement.replace(/;\s*$/, "")}\n) as q`;
}

/**
 * Command tags of statements about data (PostgreSQL manual, "Message Formats": CommandComplete). All
 * others are about the transaction, the session or the schema, which a tool has no business with.
 */
const DATA_COMMANDS = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "CALL"]);

/** The statement was none about data: for example COPY, SET ROLE, COMMIT. */
export class NotAQuery extends Error {
  override readonly name = "NotAQuery";
}

const RESET = [
  "reset session authorization",
  "reset role",
  "reset all",
  "close all",
  "unlisten *",
  "select pg_catalog.pg_advisory_unlock_all()",
  "discard temp",
].join("; ");

/** A parameter until its type is known; types without a serializer of ours take its text. */
class Param {
  readonly value: Json;

  constructor(value: Json) {
    this.value = value;
  }

  toString(): string {
    return serialize(0, this.value);
  }
}

type QueryOptions = { readonly prepare: boolean; readonly simple?: boolean };
type SocketOptions = postgres.Options<Record<string, postgres.PostgresType>>;

/** Every option said: the library would take the missing ones from PG* variables. */
const PLAIN_OPTIONS = {
  host: "socket",
  port: 5_432,
  ssl: false,
  max: 1,
  idle_timeout: 0,
  max_lifetime: null,
  connect_timeout: 5,
  keep_alive: 60,
  backoff: 0,
  prepare: true,
  fetch_types: false,
  debug: false,
  // A notice quotes values; the default prints it.
  onnotice: () => undefined,
  connection: { application_name: "postern-connector" },
  types: Object.fromEntries(
    [...new Set([...PARSED_OIDS, 25, 1042, 1043, 2950, 1083, 1266, 1186])].map((oid) => [
      `oid_${oid}`,
      {
        to: oid,
        from: [oid],
        parse: parserOf(oid),
        serialize: (param: unknown) =>
          serialize(oid, param instanceof Param ? param.value : String(param)),
      },
    ]),
  ),
};
