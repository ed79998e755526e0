import { soundIdempotencyKey } from "../../gateway/call.ts";

/**
 * draft-ietf-httpapi-idempotency-key-header: a quoted string; a bare one is what most send. Null:
 * none was sent; undefined: what was sent is none.
 */
export function idempotencyKeyOf(header: string | undefined): string | null | undefined {
  if (header === undefined) return null;
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  return soundIdempotencyKey(key) ? key : undefined;
}

/** RFC 7240 `Prefer: wait=SECONDS`, in milliseconds; another preference is none of ours. */
export function waitOf(header: string | undefined): number | null {
  const seconds = /(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])/.exec(header ?? "")?.[1];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
