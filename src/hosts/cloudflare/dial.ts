import { backoffMs } from "../../connector/backoff.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { openByPost } from "../../tunnel/post-client.ts";
import type { Env } from "./config.ts";
import { networkOf } from "./config.ts";
import { log } from "./log.ts";

/** A session that ends sooner was none. */
const STEADY_MS = 10_000;
const LONGEST_MS = 2_000;
/** Whoever asks first after this object began waits no longer for connectors that do not answer. */
const FIRST_MS = 2_000;
/** Behind a binding the platform decides where this leads: one registered host and port. */
const ORIGIN = "http://connector.internal";

export interface Dialled {
  /** Each was reached once, or was not there. */
  readonly tried: Promise<void>;
}

/** Keeps a session with the connector behind each binding for as long as this object lives. */
export function dialBindings(
  tenant: string,
  bindings: readonly string[],
  env: Env,
  end: Pick<GatewayEnd, "accept">,
): Dialled {
  const first = bindings.map((name) => dialOne(tenant, name, env, end));
  const late = new Promise<void>((resolve) => setTimeout(resolve, FIRST_MS));
  return { tried: Promise.race([Promise.all(first).then(() => undefined), late]) };
}

/** Resolves with the end of the first attempt, or as soon as it is a session. */
function dialOne(
  tenant: string,
  name: string,
  env: Env,
  end: Pick<GatewayEnd, "accept">,
): Promise<void> {
  const network = networkOf(env, name);
  if (network === null) {
    log({ event: "binding.missing", tenant, binding: name });
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const never = new AbortController().signal;
    const dial = async (failures: number): Promise<void> => {
      const began = performance.now();
      const opened = await openByPost(
        ORIGIN,
        (socket) => {
          const peer = end.accept(tenant, socket);
          let frames = 0;
          return {
            closed: () => peer.closed(),
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
      const again = opened && performance.now() - began > STEADY_MS ? 0 : failures + 1;
      const pause = Math.min(LONGEST_MS, backoffMs(again, Math.random()));
      setTimeout(() => void dial(again), pause);
    };
    void dial(0);
  });
}
