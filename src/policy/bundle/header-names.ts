/** RFC 9110 token, as it goes out: lower case. */
const REQUEST_HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/**
 * Headers no argument may set: they frame the message, say who asks, or are ours. The connector has
 * a list of its own, and sends only what its configuration names.
 */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "idempotency-key",
  "if-match",
  "keep-alive",
  "origin",
  "proxy-authorization",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "txn-token",
  "upgrade",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-http-method-override",
  "x-real-ip",
]);

/** Ours, and those by which a mesh is told to retry, reroute or wait. */
const RESERVED_PREFIX = /^(?:postern-|x-envoy-)/;

export function isRequestHeader(name: string): boolean {
  return REQUEST_HEADER.test(name) && !RESERVED_HEADERS.has(name) && !RESERVED_PREFIX.test(name);
}
