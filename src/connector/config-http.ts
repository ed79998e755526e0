import type { Environment, HttpDestination } from "./config.ts";
import { readSecret } from "./config-secret.ts";
import { parseTemplate, type PathTemplate } from "./paths.ts";
import type { Reader } from "./reader.ts";

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
]);

export function readHttp(reader: Reader, env: Environment): HttpDestination | null {
  const members = reader.members(["kind", "origin", "methods", "paths", "headers"]);
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
  const headers = new Map<string, string>();
  for (const [name, value] of members.get("headers")?.members() ?? []) {
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(lower) || RESERVED.has(lower) || lower.startsWith("postern-")) {
      value.wrong("invalid_value", "this header is not yours to set");
      continue;
    }
    const secret = readSecret(value, env);
    if (secret === null) continue;
    // CR LF in a header begins the next one.
    if (/^[\x20-\x7e]*$/.test(secret)) headers.set(lower, secret);
    else value.wrong("invalid_value", "the variable holds characters a header cannot carry");
  }
  if (origin === null || methods === undefined || paths === undefined) return null;
  return {
    kind: "http",
    origin,
    methods: new Set(methods.filter((one) => one !== null)),
    paths: paths.filter((one) => one !== null),
    headers,
  };
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
  return url.origin;
}
