import type { ConnectorBinding, Env } from "./config.ts";
import type { Fetcher } from "./platform.ts";
import { ownAnswer, platformError, type PlatformError } from "./platform-error.ts";

/** Of a registered service the platform knows host and port: a URL cannot change them. */
const REGISTERED = "http://connector.internal";

/** The way to one connector, and nowhere else. */
export interface Network {
  readonly origin: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** What the platform said of the last request that got no answer; null: it was answered. */
  readonly failure: PlatformError | null;
}

/**
 * Null: nothing of this name is bound, or it is no way into a network. A binding to a network takes any URL, up to
 * the public internet: here it is held to the one origin that the configuration names, and what points
 * elsewhere is not followed.
 */
export function networkOf(
  env: Pick<Env, string>,
  { binding, address }: Pick<ConnectorBinding, "binding" | "address">,
): Network | null {
  const bound = env[binding] as Partial<Fetcher> | undefined;
  if (typeof bound?.fetch !== "function") return null;
  return new OneOrigin(bound as Fetcher, address ?? REGISTERED);
}

class OneOrigin implements Network {
  readonly origin: string;
  failure: PlatformError | null = null;
  readonly #fetcher: Fetcher;

  constructor(fetcher: Fetcher, origin: string) {
    this.#fetcher = fetcher;
    this.origin = origin;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    if (new URL(url).origin !== this.origin) return this.#failed("destination_ip_prohibited");
    let response: Response;
    try {
      response = await this.#fetcher.fetch(url, { ...init, redirect: "manual" });
    } catch (error) {
      return this.#failed(platformError(error));
    }
    const failed = await ownAnswer(response);
    if (failed !== null) return this.#failed(failed);
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      return this.#failed("http_request_denied");
    }
    this.failure = null;
    return response;
  }

  #failed(code: PlatformError): never {
    this.failure = code;
    throw new Error(code);
  }
}
