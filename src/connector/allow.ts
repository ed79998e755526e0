import { createHash } from "node:crypto";
import type { Operation } from "../core/model/operation.ts";
import type { RequestFrame } from "../tunnel/protocol.ts";
import type { Destination, HttpDestination, PostgresDestination } from "./config.ts";
import { isSafeQuery, matchesPath } from "./paths.ts";

export const REFUSALS = [
  "unknown_destination",
  "wrong_kind",
  "method_not_allowed",
  "path_not_allowed",
  "query_malformed",
  "body_mismatch",
  "content_type_malformed",
  "statement_not_allowed",
  "statement_malformed",
] as const;
export type Refusal = (typeof REFUSALS)[number];

const CONTENT_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?charset=utf-8)?$/i;

/** The last word on what is reached, whatever gateway and token say. Null: allowed. */
export function refusalOf(
  frame: Pick<RequestFrame, "operation" | "body" | "contentType">,
  destination: Destination | undefined,
): Refusal | null {
  if (destination === undefined) return "unknown_destination";
  const { operation } = frame;
  if ("http" in operation) {
    if (destination.kind !== "http") return "wrong_kind";
    return refuseHttp(operation.http, frame, destination);
  }
  if (destination.kind !== "postgres") return "wrong_kind";
  return frame.body === null && frame.contentType === null
    ? refuseSql(operation.sql, destination)
    : "body_mismatch";
}

type Http = Extract<Operation, { readonly http: unknown }>["http"];
type Sql = Extract<Operation, { readonly sql: unknown }>["sql"];

function refuseHttp(
  http: Http,
  frame: Pick<RequestFrame, "body" | "contentType">,
  destination: HttpDestination,
): Refusal | null {
  const { body, contentType } = frame;
  if (!destination.methods.has(http.method)) return "method_not_allowed";
  if (!matchesPath(destination.paths, http.path)) return "path_not_allowed";
  if (!isSafeQuery(http.query)) return "query_malformed";
  // The token covers the digest; the digest has to cover the body.
  if (http.contentDigest !== (body === null ? null : sha256(body))) return "body_mismatch";
  // A body that servers skip over becomes the next request on a shared connection.
  if (body !== null && (http.method === "GET" || http.method === "HEAD")) return "body_mismatch";
  if ((contentType === null) !== (body === null)) return "content_type_malformed";
  if (contentType !== null && !CONTENT_TYPE.test(contentType)) return "content_type_malformed";
  return null;
}

/** NUL ends a string of the wire protocol: what follows would be read as the next message. */
function refuseSql(sql: Sql, destination: PostgresDestination): Refusal | null {
  if (sql.statement.includes("\0")) return "statement_malformed";
  if (sql.columns?.some((name) => name === "" || name.includes("\0"))) return "statement_malformed";
  if (sql.columns?.length === 0) return "statement_malformed";
  const { statements } = destination;
  if (statements !== "any" && !statements.has(sha256(sql.statement)))
    return "statement_not_allowed";
  return null;
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
