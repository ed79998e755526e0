/** Wire-visible names and limits of the MCP surface, pinned by `names.test.ts`. */
/** A request's own key, in `_meta`: sent again with it, the call is not done twice. */
export const IDEMPOTENCY_META_KEY = "dev.postern/idempotency-key";
/** `{"tokens": n}`: what the agent's models used, counted before this call is decided. */
export const USAGE_META_KEY = "dev.postern/usage";
export const OUTCOME_META_KEY = "dev.postern/outcome";

/** Told to every client; the version is the package's. */
export const SERVER_INFO = { name: "postern", version: "0.1.0" } as const;

/** The first is the one we prefer; older ones are neither served nor tested. */
export const PROTOCOL_VERSIONS = ["2026-07-28", "2025-11-25"] as const;
export const PROTOCOL_VERSION_META_KEY = "io.modelcontextprotocol/protocolVersion";

/** Largest message read. A client that sends more would hold memory before any decision. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * Milliseconds a client may keep a list. Short, because a lock takes a tool off it; a stale list
 * is harmless, since every call is decided anew.
 */
export const LIST_TTL_MS = 5_000;

/** JSON-RPC and MCP error codes this surface answers by itself; the SDK answers the others. */
export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const HEADER_MISMATCH = -32020;
export const INTERNAL_ERROR = -32603;
