import { setTimeout as sleep } from "node:timers/promises";
import { Agent, fetch } from "undici";
import { backoffMs } from "../../connector/backoff.ts";
import { connectorOf, type Tls } from "../../connector/tls.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { openByPost } from "../../tunnel/post-client.ts";

/** A session that ends sooner was none. */
const STEADY_MS = 10_000;
/** One gateway dials: there is no crowd to be spread over time. */
const LONGEST_MS = 2_000;

export interface Listening {
  readonly origin: string;
  /** Whom to believe there, and who we are, at this moment. */
  readonly tls: Tls;
}

/** Dials the connectors that listen, again and again, until it is disposed of. */
export function dialListening(
  tenants: ReadonlyMap<string, readonly Listening[]>,
  end: Pick<GatewayEnd, "accept">,
): Disposable {
  const stop = new AbortController();
  for (const [tenant, connectors] of tenants) {
    for (const one of connectors) void dialOne(tenant, one, end, stop.signal);
  }
  return { [Symbol.dispose]: () => stop.abort() };
}

async function dialOne(
  tenant: string,
  { origin, tls }: Listening,
  end: Pick<GatewayEnd, "accept">,
  stop: AbortSignal,
): Promise<void> {
  // A POST is answered when its call is: the deadline of that, and the lease, are the only ones.
  const dispatcher = new Agent({
    allowH2: false,
    connect: connectorOf(tls, { allowH2: false }),
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  let failures = 0;
  while (!stop.aborted) {
    const began = performance.now();
    const opened = await openByPost(
      origin,
      (socket) => end.accept(tenant, socket),
      stop,
      (url, init) => fetch(url, { ...init, dispatcher }),
    );
    // Whoever ends a session at once, again and again, is not there either.
    failures = opened && performance.now() - began > STEADY_MS ? 0 : failures + 1;
    const pause = Math.min(LONGEST_MS, backoffMs(failures, Math.random()));
    await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
  }
  await dispatcher.destroy();
}
