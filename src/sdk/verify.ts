import { CALL_TOKEN_HEADER } from "../core/model/claims.ts";
import { canonical } from "../core/model/json.ts";
import { FORM_TYPE, type HttpOperation } from "../core/model/operation.ts";
import { readBounded } from "./body.ts";
import { sha256Hex, utf8 } from "./hash.ts";
import type { KeySource } from "./keys.ts";
import { MemorySpentStore, type SpentStore } from "./spent.ts";
import { refusal, type VerifiedCall, type VerifyRefusal } from "./verify-result.ts";
import { checkToken, spendToken } from "./verify-token.ts";

export { CALL_TOKEN_HEADER } from "../core/model/claims.ts";
export { fixedKeys, remoteKeys, type KeySource } from "./keys.ts";
export { MemorySpentStore, MAX_SPENT, type SpentStore, type Spending } from "./spent.ts";
export {
  VERIFY_CODES,
  type VerifiedCall,
  type VerifyCode,
  type VerifyRefusal,
} from "./verify-result.ts";
export {
  verifyCallToken,
  type ExpectedCall,
  type ExpectedToken,
  type VerifyCallResult,
} from "./verify-token.ts";

export interface VerifyOptions {
  /** The gateway's call-token keys: `remoteKeys(url)` or `fixedKeys(jwks)`. */
  readonly keys: KeySource;
  /** `<gateway url>/<tenant>` */
  readonly issuer: string;
  /** The trust domain; the same as the issuer unless the gateway says otherwise. */
  readonly audience: string;
  readonly tenant: string;
  /** The tool (or tools) this endpoint implements. */
  readonly tool: string | readonly string[];
  /** The name the bundle gives this service. */
  readonly destination: string;
  /** Largest body, in bytes; read whole, since the token covers its digest. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Default: one in-memory store per process; see SpentStore for when that is not enough. */
  readonly spent?: SpentStore;
  /** Milliseconds; default: this machine's clock. */
  readonly now?: () => number;
  /** Headers that arguments of this tool may set, as its bundle names them: the token covers them. */
  readonly headers?: readonly string[];
  readonly mode?: "preview" | "execute" | "any";
  readonly presenter?: string;
  readonly maxLifeSeconds?: number;
}

/** Node's IncomingMessage, as far as it is needed; keeps this module free of Node. */
export interface NodeRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly readableDidRead?: boolean;
  iterator?(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
}

export type VerifyResult =
  | (VerifiedCall & { readonly body: Uint8Array<ArrayBuffer> })
  | VerifyRefusal;

const DEFAULT_MAX_BODY_BYTES = 1_024 * 1_024;
const processStore = new MemorySpentStore();

/**
 * The one function a tool calls before it does anything. It reads the body (the token covers it)
 * and hands it back with the three principals; on a refusal answer `status` and do nothing.
 */
export async function verifyCall(
  request: Request | NodeRequest,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const incoming = "rawHeaders" in request ? fromNode(request) : fromFetch(request);
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, spent = processStore } = options;
  const now = (options.now ?? Date.now)();
  if (incoming.tokens.length > 1) return refusal("token_repeated");
  const [token] = incoming.tokens;
  if (token === undefined) return refusal("token_missing");
  const { target } = incoming;
  if (target === null) return refusal("target_invalid");
  const checked = await checkToken(token, { ...options, now });
  if (!checked.ok) return checked;
  const body = await readBody(incoming.body, maxBodyBytes);
  if (!(body instanceof Uint8Array)) return refusal(body);
  const operation: HttpOperation = {
    http: {
      method: incoming.method,
      destination: options.destination,
      path: target.path,
      query: target.query,
      contentDigest: body.length === 0 ? null : await sha256Hex(body),
      ...coveredHeaders(incoming, options.headers ?? []),
      ...(body.length > 0 && isForm(incoming) && { contentType: FORM_TYPE }),
    },
  };
  const digest = await sha256Hex(utf8(canonical(operation)));
  const result = await spendToken(checked, { operation: digest, spent, now });
  return result.ok ? { ...result, body } : result;
}

/** A form is none where the token says JSON, and the other way round: one body is read in one way. */
function isForm({ header }: Incoming): boolean {
  const [type = ""] = (header("content-type") ?? "").split(";", 1);
  return type.trim().toLowerCase() === FORM_TYPE;
}

/** A header that came twice is joined, and so is not what the token covers. */
function coveredHeaders(
  { header }: Incoming,
  names: readonly string[],
): { readonly headers?: { readonly [name: string]: string } } {
  const found = names.flatMap((name) => {
    const value = header(name.toLowerCase());
    return value === null ? [] : [[name.toLowerCase(), value] as const];
  });
  return found.length === 0 ? {} : { headers: Object.fromEntries(found) };
}

interface Incoming {
  /** By its name in lower case; null: it did not come. */
  readonly header: (name: string) => string | null;
  readonly method: string;
  readonly target: { readonly path: string; readonly query: string } | null;
  readonly tokens: readonly string[];
  /** Undefined: somebody read it before. */
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null | undefined;
}

/** Fetch joins equal headers with `, `, which no token contains. */
function fromFetch(request: Request): Incoming {
  const url = new URL(request.url);
  const header = request.headers.get(CALL_TOKEN_HEADER);
  return {
    header: (name) => request.headers.get(name),
    method: request.method,
    target: { path: url.pathname, query: url.search.slice(1) },
    tokens: header === null ? [] : header.split(",").map((token) => token.trim()),
    body: request.bodyUsed ? undefined : request.body,
  };
}

/** `headers` would hide a second copy, so the raw list is read. */
function fromNode(request: NodeRequest): Incoming {
  const valuesOf = (name: string): readonly string[] =>
    request.rawHeaders.flatMap((value, at) =>
      at % 2 === 1 && request.rawHeaders[at - 1]?.toLowerCase() === name ? [value] : [],
    );
  const tokens = valuesOf(CALL_TOKEN_HEADER.toLowerCase());
  return {
    header(name) {
      const values = valuesOf(name);
      return values.length === 0 ? null : values.join(", ");
    },
    method: request.method ?? "",
    target: splitTarget(request.url ?? ""),
    tokens,
    // Giving up on a large body must not cut the socket: the refusal still has to be answered.
    body:
      request.readableDidRead === true
        ? undefined
        : (request.iterator?.({ destroyOnReturn: false }) ?? request),
  };
}

/** Origin form only: an absolute target would bring a host of its own. */
function splitTarget(target: string): { path: string; query: string } | null {
  if (!target.startsWith("/")) return null;
  const at = target.indexOf("?");
  return at < 0
    ? { path: target, query: "" }
    : { path: target.slice(0, at), query: target.slice(at + 1) };
}

async function readBody(
  stream: Incoming["body"],
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | "body_too_large" | "body_unreadable"> {
  if (stream === undefined) return "body_unreadable";
  try {
    return (await readBounded(stream, maxBytes)) ?? "body_too_large";
  } catch {
    return "body_unreadable";
  }
}
