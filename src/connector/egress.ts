import type { Pool } from "undici";
import type { Reach } from "./lookup.ts";
import { tlsOptions, type TlsMaterial } from "./tls.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1_024;

/** How sockets to a private service are opened: nothing else here connects by HTTP. */
export function egress(
  { reach, tls }: { readonly reach: Reach; readonly tls: TlsMaterial },
  connections: number,
): Pool.Options {
  return {
    connections,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: reach.lookup, ...tlsOptions(tls) },
    // One deadline for the whole request, ours; the parser's timers are coarse.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
}
