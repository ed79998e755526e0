import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../../connector/backoff.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { openByPost } from "../../tunnel/post-client.ts";

/** A session that ends sooner was none. */
const STEADY_MS = 10_000;
/** One gateway dials: there is no crowd to be spread over time. */
const LONGEST_MS = 2_000;

/** Dials the connectors that listen, again and again, until it is disposed of. */
export function dialListening(
  tenants: { readonly [tenant: string]: { readonly connectors: readonly string[] } },
  end: Pick<GatewayEnd, "accept">,
): Disposable {
  const stop = new AbortController();
  for (const [tenant, { connectors }] of Object.entries(tenants)) {
    for (const origin of connectors) void dialOne(tenant, origin, end, stop.signal);
  }
  return { [Symbol.dispose]: () => stop.abort() };
}

async function dialOne(
  tenant: string,
  origin: string,
  end: Pick<GatewayEnd, "accept">,
  stop: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const began = performance.now();
    const opened = await openByPost(origin, (socket) => end.accept(tenant, socket), stop);
    // Whoever ends a session at once, again and again, is not there either.
    failures = opened && performance.now() - began > STEADY_MS ? 0 : failures + 1;
    const pause = Math.min(LONGEST_MS, backoffMs(failures, Math.random()));
    await sleep(pause, undefined, { signal: stop }).catch(() => undefined);
  }
}
