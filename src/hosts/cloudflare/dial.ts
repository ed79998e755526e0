import { backoffMs } from "../../connector/backoff.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { openByPost } from "../../tunnel/post-client.ts";
import type { ConnectorBinding, Env } from "./config.ts";
import { log } from "./log.ts";
import { networkOf } from "./network.ts";

/** A session that ends sooner was none. */
const STEADY_MS = 10_000;
const LONGEST_MS = 2_000;
/** Whoever asks first after this object began waits no longer for connectors that do not answer. */
const FIRST_MS = 2_000;

export interface Dialled {
  /** Each was reached once, or was not there. */
  readonly tried: Promise<void>;
}

/** Keeps a session with the connector behind each binding for as long as this object lives. */
export function dialBindings(
  tenant: string,
  bindings: readonly ConnectorBinding[],
  env: Env,
  end: Pick<GatewayEnd, "accept">,
): Dialled {
  const first = bindings.map((binding) => dialOne(tenant, binding, env, end));
  const late = new Promise<void>((resolve) => setTimeout(resolve, FIRST_MS));
  return { tried: Promise.race([Promise.all(first).then(() => undefined), late]) };
}

/** Resolves with the end of the first attempt, or as soon as it is a session. */
function dialOne(
  tenant: string,
  binding: ConnectorBinding,
  env: Env,
  end: Pick<GatewayEnd, "accept">,
): Promise<void> {
  const network = networkOf(env, binding);
  if (network === null) {
    log({ event: "binding.missing", tenant, binding: binding.binding });
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const never = new AbortController().signal;
    let told: string | null = null;
    const dial = async (failures: number): Promise<void> => {
      const began = performance.now();
      const opened = await openByPost(
        network.origin,
        (socket) => {
          const peer = end.accept(tenant, socket);
          let frames = 0;
          return {
            closed: () => peer.closed(),
            room: () => peer.room(),
            message(text) {
              peer.message(text);
              // `hello` and `proof` make a session.
              if (++frames === 2) resolve();
            },
          };
        },
        never,
        (url, init) => network.fetch(url, init),
      );
      resolve();
      // Somebody who answers, but no connector, says nothing that has a name.
      const code = opened ? null : (network.failure ?? "http_protocol_error");
      if (code !== null && code !== told) {
        log({ event: "connector.unreachable", tenant, binding: binding.binding, code });
      }
      told = code;
      const again = opened && performance.now() - began > STEADY_MS ? 0 : failures + 1;
      const pause = Math.min(LONGEST_MS, backoffMs(again, Math.random()));
      setTimeout(() => void dial(again), pause);
    };
    void dial(0);
  });
}
