/** RFC 9110 token, as it goes out: lower case. */
const REQUEST_HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/**
 * Headers no argument may set: they frame the message, say who asks, or are ours. Said twice, by the check
 * of a bundle and by the connector, which sends only what its configuration names.
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
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-real-ip",
]);

/**
 * Ours; those by which a mesh is told to retry, reroute or wait; and those by which a proxy tells a service
 * who really asked, or for which path: one would lead past the list of paths.
 */
const RESERVED_PREFIX = /^(?:postern-|x-envoy-|x-forwarded-|x-original-|x-rewrite-)/;

export function isRequestHeader(name: string): boolean {
  return REQUEST_HEADER.test(name) && !RESERVED_HEADERS.has(name) && !RESERVED_PREFIX.test(name);
}
