import { canonical, type Json } from "./json.ts";

/**
 * What a connector executes, exactly: path and query stand as sent, the host is the destination.
 * Its digest is `tctx.operation` of the call token; documented in docs/protocol/tokens.md.
 */
export type Operation = HttpOperation | SqlOperation;

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
  };
}

/** An operation with the body its digest covers. */
export interface Request {
  readonly operation: Operation;
  readonly body: string | null;
  readonly contentType: string | null;
}

export function destinationOf(operation: Operation): string {
  return "http" in operation ? operation.http.destination : operation.sql.destination;
}

/** SHA-256, hex, of the RFC 8785 form. */
export function operationDigest(hash: (text: string) => string, operation: Operation): string {
  return hash(canonical(operation));
}
