import { isObject } from "../core/model/json.ts";
import { PosternError } from "./error.ts";
import type { ProofKey } from "./proof.ts";

/** A call waits for its tool; this only ends what can no longer come back. */
const TIMEOUT_MS = 300_000;

export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Sends requests, each with a fresh proof; remembers the nonce a gateway asks for. */
export class Transport {
  readonly #fetch: typeof fetch;
  readonly #now: () => number;
  readonly proofKey: ProofKey;
  #nonce: string | undefined;

  constructor(proofKey: ProofKey, fetcher: typeof fetch, now: () => number) {
    this.proofKey = proofKey;
    this.#fetch = fetcher;
    this.#now = now;
  }

  now(): number {
    return this.#now();
  }

  prove(method: string, url: string, credential?: string): Promise<string> {
    return this.proofKey.prove({
      method,
      url,
      now: this.#now(),
      ...(credential !== undefined && { credential }),
      ...(this.#nonce !== undefined && { nonce: this.#nonce }),
    });
  }

  /**
   * `build` makes the request anew each time, since nothing in it may be used twice. Sent again at
   * most once, and only when the gateway has refused it unread for want of its nonce (RFC 9449 §8).
   */
  async send(build: () => Promise<Outgoing>): Promise<Response> {
    const before = this.#nonce;
    const response = await this.#sendOnce(await build());
    if (this.#nonce === before || !(await asksForNonce(response))) return response;
    await response.body?.cancel();
    return this.#sendOnce(await build());
  }

  async #sendOnce({ method, url, headers, body, signal }: Outgoing): Promise<Response> {
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method,
        redirect: "error",
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        ...(headers !== undefined && { headers }),
        ...(body !== undefined && { body }),
      });
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new PosternError("unreachable", null, "The gateway did not answer.");
    }
    this.#nonce = response.headers.get("dpop-nonce") ?? this.#nonce;
    return response;
  }
}

async function asksForNonce(response: Response): Promise<boolean> {
  if (response.status === 401) {
    return (response.headers.get("www-authenticate") ?? "").includes('error="use_dpop_nonce"');
  }
  if (response.status !== 400) return false;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return isObject(body) && body["error"] === "use_dpop_nonce";
}

/** The JSON of a good answer; anything else becomes a PosternError. */
export async function readAnswer(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  if (response.ok) throw new PosternError("bad_answer", response.status, "Not a JSON answer.");
  throw refusal(response.status, body);
}

function refusal(status: number, body: unknown): PosternError {
  const document = isObject(body) ? body : {};
  const code = text(document["error"]) ?? text(document["code"]) ?? "refused";
  const message =
    text(document["error_description"]) ??
    text(document["detail"]) ??
    "The gateway refused the request.";
  return new PosternError(code, status, message, body);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
