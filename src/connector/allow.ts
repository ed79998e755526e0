import { createHash } from "node:crypto";
import type { Operation } from "../core/model/operation.ts";
import { MAX_EMBEDDED_CHARS, type RequestFrame } from "../tunnel/protocol.ts";
import { refusalOfWrite } from "../sql/sealed-write.ts";
import { refusalOfSealed } from "../sql/sealed.ts";
import type {
  Destination,
  GuardedStatements,
  HttpDestination,
  McpDestination,
  PostgresDestination,
  Statements,
} from "./config.ts";
import { isSafeQuery, matchesPath } from "./paths.ts";

export const REFUSALS = [
  "unknown_destination",
  "wrong_kind",
  "method_not_allowed",
  "path_not_allowed",
  "query_malformed",
  "header_not_allowed",
  "body_mismatch",
  "content_type_mismatch",
  "tool_not_allowed",
  "statement_not_allowed",
  "statement_malformed",
  "embedding_refused",
  "idempotency_key_refused",
  "preview_refused",
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** How a body is read where the operation, and so the token, says nothing else. */
const CONTENT_TYPE = "application/json";

/** RFC 9110 §9.2.1: asking again changes nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

export function isSafe(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/** What a request consists of, beside its token. */
type Asked = Pick<
  RequestFrame,
  "operation" | "body" | "contentType" | "idempotencyKey" | "preview"
>;

/** The last word on what is reached, whatever gateway and token say. Null: allowed. */
export function refusalOf(frame: Asked, destination: Destination | undefined): Refusal | null {
  if (destination === undefined) return "unknown_destination";
  const { operation } = frame;
  if ("http" in operation) {
    if (destination.kind !== "http") return "wrong_kind";
    return refuseHttp(operation.http, frame, destination);
  }
  if ("mcp" in operation) {
    if (destination.kind !== "mcp") return "wrong_kind";
    return refuseMcp(operation.mcp, frame, destination);
  }
  if (destination.kind !== "postgres") return "wrong_kind";
  if (frame.body !== null || frame.contentType !== null) return "body_mismatch";
  // Nothing here would send it: a database knows transactions.
  if (frame.idempotencyKey !== null) return "idempotency_key_refused";
  // Without what it observes, a change cannot be compared with the one that was approved.
  if (frame.preview !== null && (!operation.sql.observe || frame.preview.etag !== null)) {
    return "preview_refused";
  }
  return refuseSql(operation.sql, destination);
}

type Http = Extract<Operation, { readonly http: unknown }>["http"];
type Mcp = Extract<Operation, { readonly mcp: unknown }>["mcp"];
type Sql = Extract<Operation, { readonly sql: unknown }>["sql"];

function refuseHttp(http: Http, frame: Asked, destination: HttpDestination): Refusal | null {
  const { body, contentType } = frame;
  if (!destination.methods.has(http.method)) return "method_not_allowed";
  if (!matchesPath(destination.paths, http.path)) return "path_not_allowed";
  if (!isSafeQuery(http.query)) return "query_malformed";
  const headers = Object.keys(http.headers ?? {});
  if (!headers.every((name) => destination.requestHeaders.has(name))) return "header_not_allowed";
  // The token covers the digest; the digest has to cover the body.
  if (http.contentDigest !== (body === null ? null : sha256(body))) return "body_mismatch";
  // A body that servers skip over becomes the next request on a shared connection.
  if (body !== null && isSafe(http.method)) return "body_mismatch";
  const expected = body === null ? null : (http.contentType ?? CONTENT_TYPE);
  if (contentType !== expected || (body === null && http.contentType !== undefined)) {
    return "content_type_mismatch";
  }
  return null;
}

/** A server of tools knows neither bodies nor keys nor entity tags: what it would not see is refused. */
function refuseMcp(mcp: Mcp, frame: Asked, destination: McpDestination): Refusal | null {
  if (frame.body !== null || frame.contentType !== null) return "body_mismatch";
  if (frame.idempotencyKey !== null) return "idempotency_key_refused";
  if (frame.preview !== null) return "preview_refused";
  return destination.tools.has(mcp.tool) ? null : "tool_not_allowed";
}

/** NUL ends a string of the wire protocol: what follows would be read as the next message. */
function refuseSql(sql: Sql, destination: PostgresDestination): Refusal | null {
  const { observe } = sql;
  const all = [sql.statement, ...(observe && "statement" in observe ? [observe.statement] : [])];
  if (all.some((statement) => statement.includes("\0"))) return "statement_malformed";
  // Only a write changes something that could be observed.
  if (observe !== undefined && sql.mode !== "write") return "statement_malformed";
  if (sql.columns?.some((name) => name === "" || name.includes("\0"))) return "statement_malformed";
  if (sql.columns?.length === 0) return "statement_malformed";
  if (sql.embed !== undefined && !mayEmbed(sql, sql.embed, destination)) return "embedding_refused";
  const { statements } = destination;
  if (isGuarded(statements)) {
    return sql.mode === "read" ? refuseQuery(sql, statements) : refuseWrite(sql, statements);
  }
  // Rows by their key are how a guarded write is observed: here nobody knows what it is about.
  if (observe && "relation" in observe) return "statement_not_allowed";
  const allowed = statements === "any" || all.every((one) => statements.has(sha256(one)));
  return allowed ? null : "statement_not_allowed";
}

/** The gateway has judged it, too; this is the look of whoever stands before the database. */
function refuseQuery(sql: Sql, { relations, minGroup }: GuardedStatements): Refusal | null {
  if (sql.columns !== undefined || sql.embed !== undefined) return "statement_not_allowed";
  const refusal = refusalOfSealed(sql.statement, relations, minGroup);
  return refusal === null ? null : "statement_not_allowed";
}

/** What its author may write, and no preview would show, is no less refused. */
function refuseWrite(sql: Sql, { relations, writes }: GuardedStatements): Refusal | null {
  const { observe, statement, maxRows } = sql;
  if (observe === undefined || !("relation" in observe)) return "statement_not_allowed";
  if (sql.columns !== undefined || sql.embed !== undefined) return "statement_not_allowed";
  const most = writes.get(observe.relation)?.maxRows ?? 0;
  const refusal = maxRows > most ? "" : refusalOfWrite(statement, observe, relations, writes);
  return refusal === null ? null : "statement_not_allowed";
}

export function isGuarded(statements: Statements): statements is GuardedStatements {
  return typeof statements === "object" && "relations" in statements;
}

/** Only a read, because an embedding service is asked before anything is decided by the database. */
function mayEmbed(
  { mode, params }: Sql,
  embed: readonly number[],
  { embedding }: PostgresDestination,
): boolean {
  if (embedding === null || mode !== "read" || new Set(embed).size !== embed.length) return false;
  return embed.every((at) => {
    const text = params[at];
    return typeof text === "string" && text.length <= MAX_EMBEDDED_CHARS;
  });
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
