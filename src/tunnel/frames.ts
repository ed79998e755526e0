import { FORM_TYPE, MCP_TOOL_NAME, PIN } from "../core/model/operation.ts";
import { FAILURES } from "../core/model/outcome.ts";
import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import {
  CONNECTOR_SIGNALS,
  IDEMPOTENCY_KEY,
  MAX_BODY_BYTES,
  MAX_EMBEDDED,
  MAX_FRAME_BYTES,
  MAX_GATEWAY_KEYS,
  MAX_RETRY_AFTER_MS,
  MAX_TIMEOUT_MS,
  SEEN_STATES,
  STRONG_ETAG,
  type ToConnector,
  type ToGateway,
} from "./protocol.ts";
import { KEY_BYTES } from "./keys.ts";
import { MAX_VOUCHERS } from "./vouch.ts";

/**
 * Strict in both directions: a frame with an unknown type, an unknown or missing member, a wrong
 * form or a duplicate key is null, and null ends the session. What one end would ignore and the
 * other would read is where a compromised peer hides.
 */
export function parseToGateway(text: string, maxBytes: number = MAX_FRAME_BYTES): ToGateway | null {
  return parse(text, maxBytes, TO_GATEWAY) as ToGateway | null;
}

export function parseToConnector(
  text: string,
  maxBytes: number = MAX_FRAME_BYTES,
): ToConnector | null {
  return parse(text, maxBytes, TO_CONNECTOR) as ToConnector | null;
}

/** Null: too large to be taken by the other end. */
export function encode(frame: ToGateway | ToConnector): string | null {
  const text = JSON.stringify(frame);
  return Buffer.byteLength(text) > MAX_FRAME_BYTES ? null : text;
}

type Check = (value: unknown) => boolean;
type Members = { readonly [name: string]: Check };
/** One check for every member of the frame: a member added to the protocol must be added here. */
type Shape<Frame> = { readonly [name in Exclude<keyof Frame, "t">]-?: Check };
type Table<Frames extends { readonly t: string }> = {
  readonly [type in Frames["t"]]: Shape<Extract<Frames, { readonly t: type }>>;
};

function parse(text: string, maxBytes: number, table: { [type: string]: Members }): unknown {
  // A UTF-16 unit is at least one byte: cheap, and the transport counts the bytes.
  if (text.length > maxBytes) return null;
  const parsed = parseStrict(text);
  if (!parsed.ok || !isObject(parsed.value)) return null;
  const { t, ...members } = parsed.value;
  if (typeof t !== "string" || !Object.hasOwn(table, t)) return null;
  const shape = table[t];
  return shape !== undefined && matches(members, shape) ? parsed.value : null;
}

function matches(value: JsonObject, shape: Members, optional: readonly string[] = []): boolean {
  for (const name of Object.keys(value)) if (!Object.hasOwn(shape, name)) return false;
  for (const [name, check] of Object.entries(shape)) {
    if (Object.hasOwn(value, name) ? !check(value[name]) : !optional.includes(name)) return false;
  }
  return true;
}

const text =
  (maxChars: number, form?: RegExp): Check =>
  (value) =>
    typeof value === "string" && value.length <= maxChars && (form?.test(value) ?? true);
const whole =
  (from: number, to: number): Check =>
  (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= from && value <= to;
const oneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const object =
  (shape: Members, optional: readonly string[] = []): Check =>
  (value) =>
    isObject(value) && matches(value, shape, optional);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const list =
  (maxItems: number, check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= maxItems && value.every(check);

const hex = (bytes: number): Check => text(bytes * 2, new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const signature = text(86, /^[A-Za-z0-9_-]{86}$/);
const keyBytes = text(43, KEY_BYTES);
const key = object({ kty: oneOf(["OKP"]), crv: oneOf(["Ed25519"]), x: keyBytes });
const name = text(64, /^[a-z][a-z0-9-]{0,63}$/);
/** Of one exchange on one socket. */
const exchange = text(32, /^[A-Za-z0-9_-]{1,32}$/);
const callId = text(128, /^call_[A-Za-z0-9_-]{1,120}$/);
const time = whole(0, Number.MAX_SAFE_INTEGER);
/** No control characters: a content type travels in a header, where CR LF would begin another. */
const contentType = text(256, /^[\x20-\x7e]*$/);
/** Characters. Bodies are counted in bytes where their own cap is known. */
const body = text(MAX_FRAME_BYTES);
const base64 = text(MAX_FRAME_BYTES, /^[A-Za-z0-9+/]*={0,2}$/);

const MAX_STATEMENT_CHARS = 64 * 1_024;
const MAX_PARAMS = 1_000;
const MAX_COLUMNS = 1_600;
const MAX_ROWS = 100_000;
/** Columns left out of an observation: a table has no more. */
const MAX_IGNORED = MAX_COLUMNS;
const MAX_TARGET_CHARS = 8 * 1_024;
const MAX_HEADERS = 32;
/** RFC 9110 token in lower case; a value without controls, and without blanks a parser would cut. */
const headerName = text(100, /^[a-z0-9!#$%&'*+.^_`|~-]+$/);
const headerValue = text(4_096, /^[!-~](?:[ -~]*[!-~])?$/);

/** At least one: an empty object would be a second form of none. */
const headers: Check = (value) => {
  if (!isObject(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length > 0 &&
    entries.length <= MAX_HEADERS &&
    entries.every(([key, one]) => headerName(key) && headerValue(one))
  );
};
const http = object(
  {
    method: text(16, /^[A-Z]+$/),
    destination: name,
    path: text(MAX_TARGET_CHARS),
    query: text(MAX_TARGET_CHARS),
    contentDigest: orNull(hex(32)),
    headers,
    contentType: oneOf([FORM_TYPE]),
  },
  ["headers", "contentType"],
);
const statement = text(MAX_STATEMENT_CHARS);
const params = list(MAX_PARAMS, () => true);
const embed = list(MAX_EMBEDDED, whole(0, MAX_PARAMS - 1));
const ignore = list(MAX_IGNORED, text(256));
const names = list(MAX_COLUMNS, text(256));
const observe: Check = (value) =>
  object({ statement, params, ignore })(value) ||
  object({ relation: text(256), key: names, columns: names, ignore, also: names })(value);
const sql = object(
  {
    destination: name,
    statement,
    params,
    columns: names,
    mode: oneOf(["read", "write"]),
    maxRows: whole(1, MAX_ROWS),
    embed,
    observe,
  },
  ["columns", "embed", "observe"],
);
const mcp = object({
  destination: name,
  tool: text(128, MCP_TOOL_NAME),
  args: isObject,
  pin: text(64, PIN),
});
const operation: Check = (value) =>
  object({ http })(value) || object({ sql })(value) || object({ mcp })(value);

const etag = text(256, STRONG_ETAG);
const seal = object({ changes: hex(32), etag: orNull(etag), salt: hex(16) });

const status = whole(100, 599);
/** Bytes are counted where the answer is taken: here a row is only known to be one. */
const rows = object({ rows: list(MAX_ROWS, isObject) });
const answered: Check = (value) =>
  object(
    {
      ok: oneOf([true]),
      status,
      contentType,
      encoding: oneOf(["utf8", "base64"]),
      body,
      truncated: oneOf([true, false]),
      observed: object({ before: rows, after: rows }),
      etag,
    },
    ["observed", "etag"],
  )(value) &&
  isObject(value) &&
  (value["encoding"] === "utf8" || base64(value["body"]));
const failed = object(
  {
    ok: oneOf([false]),
    code: oneOf(Object.keys(FAILURES)),
    status,
    effect: oneOf(["none", "possible"]),
    retryAfterMs: whole(1, MAX_RETRY_AFTER_MS),
  },
  ["status", "retryAfterMs"],
);

const TO_GATEWAY: Table<ToGateway> = {
  hello: {
    v: whole(0, 65_535),
    tenant: text(32, /^[a-z][a-z0-9-]{0,31}$/),
    connector: text(64, /^con_[A-Za-z0-9_-]{1,60}$/),
    nonce: hex(32),
  },
  proof: { signature },
  answer: { id: exchange, answer: (value) => answered(value) || failed(value) },
  beat: {},
  seen: { id: exchange, state: oneOf(SEEN_STATES) },
  signal: { signal: oneOf(CONNECTOR_SIGNALS), call: callId },
  rotate: { id: exchange, key, signature },
  drain: {},
};

const TO_CONNECTOR: Table<ToConnector> = {
  challenge: {
    v: whole(0, 65_535),
    session: hex(16),
    kid: text(256),
    signature,
    chain: list(MAX_VOUCHERS, object({ from: keyBytes, to: keyBytes, signature })),
  },
  welcome: { now: time, epoch: time },
  keys: { keys: list(MAX_GATEWAY_KEYS, key) },
  request: {
    id: exchange,
    token: text(16 * 1_024),
    operation,
    body: orNull(body),
    contentType: orNull(contentType),
    idempotencyKey: orNull(text(128, IDEMPOTENCY_KEY)),
    preview: orNull(seal),
    cap: whole(0, MAX_BODY_BYTES),
    timeoutMs: whole(1, MAX_TIMEOUT_MS),
  },
  cut: { id: exchange },
  beat: { now: time, epoch: time },
  seen: { id: exchange, call: callId },
  rotate: { id: exchange },
  rotated: { id: exchange },
  drain: {},
};
