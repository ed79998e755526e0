import { isRequestHeader } from "../core/model/header-names.ts";
import type { HttpDestination, Place } from "./config.ts";
import { readLimits } from "./config-limits.ts";
import { DEADLINE_HEADER } from "./deadline.ts";
import { isPlainHost, readReach } from "./config-reach.ts";
import { HEADER_VALUE, readSecret } from "./config-secret.ts";
import { readTls } from "./config-tls.ts";
import { publicTls } from "./tls.ts";
import { parseTemplate, type PathTemplate } from "./paths.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./secret.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** Ours to set, or what frames a message: a secret there would change where a request ends. */
const RESERVED = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  // Of one call: a configured one would make all calls one call, or undo what a human approved.
  "idempotency-key",
  "if-match",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "txn-token",
  "upgrade",
  DEADLINE_HEADER,
]);

/** Ours, and the ones by which MCP names session, version, method and tool. */
const RESERVED_PREFIX = /^(?:postern-|mcp-|last-event-id$)/;

/** Sockets to one service: more would be our load test of it. */
const DEFAULT_CONCURRENCY = 64;
const MAX_CONCURRENCY = 256;

export function readHttp(reader: Reader, place: Place): HttpDestination | null {
  const members = reader.members([
    "kind",
    "origin",
    "addresses",
    "tls",
    "methods",
    "paths",
    "headers",
    "requestHeaders",
    "concurrency",
    "queue",
  ]);
  const origin = readOrigin(
    reader.required(members, "origin", '"http://127.0.0.1:4010", without a path'),
  );
  const methods = reader
    .required(members, "methods", '["GET"]')
    ?.items()
    .map((one) => one.oneOf(METHODS));
  const paths = reader
    .required(members, "paths", '["/tickets", "/tickets/{id}"]')
    ?.items()
    .map(readTemplate);
  const headers = readHeaders(members.get("headers"), place);
  const reach = readReach(members.get("addresses"), place.resolvers);
  const encrypted = members.get("tls");
  if (encrypted !== undefined && origin?.startsWith("http:")) {
    encrypted.wrong("invalid_value", "an origin with http:// is not encrypted");
  }
  const tls = encrypted === undefined ? publicTls : readTls(encrypted, place);
  const concurrency =
    members.get("concurrency")?.integer(1, MAX_CONCURRENCY) ?? DEFAULT_CONCURRENCY;
  const limits = readLimits(members.get("queue"), concurrency);
  const requestHeaders = (members.get("requestHeaders")?.items() ?? []).map((one) =>
    readRequestHeader(one, headers),
  );
  if (origin === null || methods === undefined || paths === undefined) return null;
  return {
    kind: "http",
    origin,
    methods: new Set(methods.filter((one) => one !== null)),
    paths: paths.filter((one) => one !== null),
    headers,
    reach,
    tls,
    limits,
    requestHeaders: new Set(requestHeaders.filter((one) => one !== null)),
  };
}

export function readHeaders(reader: Reader | undefined, place: Place): ReadonlyMap<string, Secret> {
  const headers = new Map<string, Secret>();
  for (const [name, value] of reader?.members() ?? []) {
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(lower) || RESERVED.has(lower) || RESERVED_PREFIX.test(lower)) {
      value.wrong("invalid_value", "this header is not yours to set");
      continue;
    }
    const secret = readSecret(value, place, HEADER_VALUE);
    if (secret !== null) headers.set(lower, secret);
  }
  return headers;
}

/** A header of the agent's choice beside the secret of the same name: services read either of the two. */
function readRequestHeader(reader: Reader, secrets: ReadonlyMap<string, unknown>): string | null {
  const name = reader.string(/./, '"x-api-version"')?.toLowerCase() ?? null;
  if (name === null) return null;
  const free = isRequestHeader(name) || name === "cookie";
  if (free && !secrets.has(name)) return name;
  return reader.wrong("invalid_value", "this header is not an agent's to set");
}

function readTemplate(reader: Reader): PathTemplate | null {
  const text = reader.string(/^\//, "a path that begins with /");
  if (text === null) return null;
  const fix = "segments are plain text or one {name}; no dots-only, empty or encoded-slash segment";
  return parseTemplate(text) ?? reader.wrong("invalid_value", fix);
}

function readOrigin(reader: Reader | null): string | null {
  const text = reader?.string(/./, "a URL") ?? null;
  if (reader === null || text === null) return null;
  const fix = 'scheme, host and port only: "https://tickets.internal"';
  if (!URL.canParse(text)) return reader.wrong("invalid_value", fix);
  const url = new URL(text);
  const plain = url.protocol === "http:" || url.protocol === "https:";
  if (!plain || url.username !== "" || url.password !== "")
    return reader.wrong("invalid_value", fix);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return reader.wrong("invalid_value", fix);
  }
  const explicit = `${url.protocol}//${url.hostname}:${url.protocol === "http:" ? 80 : 443}`;
  const written = text.replace(/\/$/, "").toLowerCase();
  if (written !== url.origin && written !== explicit) {
    // `0x7f.1`, `2130706433` and full-width digits are 127.0.0.1 to whoever connects.
    return reader.wrong("invalid_value", `write what it is read as: "${url.origin}"`);
  }
  if (isPlainHost(url.hostname.replace(/^\[|\]$/g, ""))) return url.origin;
  return reader.wrong("invalid_value", "a name without a dot at its end, or a plain address");
}
