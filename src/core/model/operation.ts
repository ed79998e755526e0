import { canonical, type Json, type JsonObject } from "./json.ts";

/**
 * What a connector executes, exactly: path and query stand as sent, the host is the destination.
 * Its digest is `tctx.operation` of the call token; documented in docs/protocol/tokens.md.
 */
export type Operation = HttpOperation | SqlOperation | McpOperation;

export interface HttpOperation {
  readonly http: {
    readonly method: string;
    readonly destination: string;
    /** Percent-encoded, begins with `/`. */
    readonly path: string;
    /** Without `?`; empty where there is none. */
    readonly query: string;
    /** SHA-256, hex, of the body's bytes; null without a body. */
    readonly contentDigest: string | null;
    /** Headers that arguments set, names in lower case, as sent; absent: none. */
    readonly headers?: { readonly [name: string]: string };
    /** How the body is to be read, where it is no JSON: the digest alone does not say. */
    readonly contentType?: typeof FORM_TYPE;
  };
}

export interface SqlOperation {
  readonly sql: {
    readonly destination: string;
    readonly statement: string;
    readonly params: readonly Json[];
    /** Columns to fetch from a read; a denied column is not even read out. Absent: all. */
    readonly columns?: readonly string[];
    /** `read` runs in a READ ONLY transaction. */
    readonly mode: "read" | "write";
    readonly maxRows: number;
    /**
     * Positions in `params`, from 0, of texts that the connector replaces by vectors of their meaning.
     * Only in a read. The digest covers the texts.
     */
    readonly embed?: readonly number[];
    /** How a write is seen before and after, in its transaction: what differs is the change. */
    readonly observe?: ObserveQuery | ObserveRows;
  };
}

/** By a query of the bundle. */
export interface ObserveQuery {
  readonly statement: string;
  readonly params: readonly Json[];
  /** Volatile columns, left out. */
  readonly ignore: readonly string[];
}

/** Of a write that an agent wrote: the rows that it is about, by their key. */
export interface ObserveRows {
  /** `schema.name`: nothing else may be written, but what `also` names. */
  readonly relation: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  /** Volatile columns, left out. */
  readonly ignore: readonly string[];
  /** Relations that triggers and foreign keys may write along, unseen. */
  readonly also: readonly string[];
}

export interface McpOperation {
  readonly mcp: {
    readonly destination: string;
    /** As the server calls it. */
    readonly tool: string;
    readonly args: JsonObject;
    /** Digest of the tool's definition: under another one the server is not asked. */
    readonly pin: string;
  };
}

/** WHATWG URL, application/x-www-form-urlencoded: an HTML form without files. */
export const FORM_TYPE = "application/x-www-form-urlencoded";

/** Names that MCP 2025-11-25 and later allow: no look-alike of another alphabet is among them. */
export const MCP_TOOL_NAME = /^[A-Za-z0-9_./-]{1,128}$/;
/** SHA-256, hex. */
export const PIN = /^[0-9a-f]{64}$/;

/** An operation with the body its digest covers. */
export interface Request {
  readonly operation: Operation;
  readonly body: string | null;
  readonly contentType: string | null;
  /** Sent to the service with a mutation, so that it never acts twice on one call. */
  readonly idempotencyKey?: string;
  /** What was approved, without values: its digest is `tctx.preview` of the call token. */
  readonly preview?: PreviewSeal;
}

/** What a human approved: the change itself and, over HTTP, the version it was worked out from. */
export interface PreviewSeal {
  /** SHA-256, hex, of the RFC 8785 form of the change (see `changeOf`). */
  readonly changes: string;
  /** Entity tag to send as `If-Match`; null for SQL, and where the service has none. */
  readonly etag: string | null;
  /** 16 random bytes, hex: its digest stands in the record, and changes could be tried out (P10). */
  readonly salt: string;
}

/** `tctx.preview`: SHA-256, hex. */
export function previewDigest(hash: (text: string) => string, seal: PreviewSeal): string {
  return hash(canonical(seal));
}

export function destinationOf(operation: Operation): string {
  if ("http" in operation) return operation.http.destination;
  return "sql" in operation ? operation.sql.destination : operation.mcp.destination;
}

/** SHA-256, hex, of the RFC 8785 form. */
export function operationDigest(hash: (text: string) => string, operation: Operation): string {
  return hash(canonical(operation));
}
