import { Pool } from "undici";
import { FramedClient } from "./framing.ts";
import type { Reach } from "./lookup.ts";
import { connectorOf, type Tls } from "./tls.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1_024;

/** How sockets to a private service are opened: nothing else here connects by HTTP. */
export function egress(
  origin: string,
  { reach, tls }: { readonly reach: Reach; readonly tls: Tls },
  connections: number,
): Pool {
  const connect = connectorOf(tls, {
    timeout: CONNECT_TIMEOUT_MS,
    lookup: reach.lookup,
    // One exchange at a time has a socket: what arrives on it can be counted against that one.
    allowH2: false,
  });
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    factory: (url, options) => new FramedClient(url, options, connect),
    // One deadline for the whole request, ours; the parser's timers are coarse.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
