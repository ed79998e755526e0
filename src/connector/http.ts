import type { Dispatcher, Pool } from "undici";
import { CALL_TOKEN_HEADER } from "../core/model/claims.ts";
import type { HttpOperation } from "../core/model/operation.ts";
import { STRONG_ETAG, type ConnectorAnswer } from "../tunnel/protocol.ts";
import { isSafe } from "./allow.ts";
import { framedBytes } from "./body-text.ts";
import type { HttpDestination } from "./config.ts";
import { DEADLINE_HEADER, deadlineOf } from "./deadline.ts";
import { egress } from "./egress.ts";
import { failure, type Execution, type Executor, type HeldBytes } from "./executor.ts";
import { networkFailure } from "./network-failure.ts";

/** Answers before the answer (RFC 9110 §15.2): a service that sends more is playing for time. */
const MAX_INTERIM = 16;
/** RFC 9110 §15.5.2: our secret may have been rotated. */
const UNAUTHORIZED = 401;
/** RFC 9110 §15.5.13: the service's word that the resource is no longer the one it was asked to be. */
const PRECONDITION_FAILED = 412;

/** One allow-listed origin. What a request may choose is method, path, query and body. */
export class HttpExecutor implements Executor {
  readonly #destination: HttpDestination;
  readonly #held: HeldBytes;
  readonly #pool: Pool;

  constructor(destination: HttpDestination, held: HeldBytes) {
    this.#destination = destination;
    this.#held = held;
    this.#pool = egress(destination.origin, destination, destination.limits.concurrency);
  }

  async execute(execution: Execution): Promise<ConnectorAnswer> {
    if (!("http" in execution.operation)) return failure("destination_not_found", "none");
    const { http } = execution.operation;
    if (!(await execution.journal(null))) return failure("audit_unavailable", "none");
    if (execution.signal.aborted) return failure("deadline_exceeded", "none");
    return new Promise((resolve) => {
      const exchange = new Exchange(http.method, execution, this.#held, (answer) => {
        if (!answer.ok && answer.status === UNAUTHORIZED) this.#refused();
        resolve(answer);
      });
      try {
        this.#pool.dispatch(this.#options(http, execution), exchange);
      } catch (error) {
        exchange.onResponseError(null, error);
      }
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #refused(): void {
    for (const secret of this.#destination.headers.values()) secret.refused();
  }

  #options(http: HttpOperation["http"], execution: Execution): Dispatcher.DispatchOptions {
    const headers: Record<string, string> = {
      ...http.headers,
      // What was configured comes later: no argument replaces a secret, or what follows.
      ...Object.fromEntries(
        [...this.#destination.headers].map(([name, secret]) => [name, secret.value]),
      ),
      accept: "*/*",
      // A body that inflates past its cap is not asked for, and refused if sent all the same.
      "accept-encoding": "identity",
      [CALL_TOKEN_HEADER]: execution.token,
      [DEADLINE_HEADER]: deadlineOf(execution),
    };
    if (execution.contentType !== null) headers["content-type"] = execution.contentType;
    if (execution.idempotencyKey !== null) headers["idempotency-key"] = execution.idempotencyKey;
    const etag = execution.preview?.etag ?? null;
    if (etag !== null) headers["if-match"] = etag;
    return {
      method: http.method,
      path: http.query === "" ? http.path : `${http.path}?${http.query}`,
      headers,
      body: execution.body,
    };
  }
}

/** One request and its answer, held back until it is whole. Redirects are answers, never followed. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #safe: boolean;
  readonly #execution: Execution;
  readonly #held: HeldBytes;
  readonly #resolve: (answer: ConnectorAnswer) => void;
  readonly #chunks: Buffer[] = [];
  readonly #onAbort = (): void => this.#stop("deadline_exceeded");
  #controller: Dispatcher.DispatchController | null = null;
  #interim = 0;
  #status = 0;
  #contentType = "";
  #etag: string | null = null;
  #bytes = 0;
  #done = false;

  constructor(
    method: string,
    execution: Execution,
    held: HeldBytes,
    resolve: (answer: ConnectorAnswer) => void,
  ) {
    this.#safe = isSafe(method);
    this.#execution = execution;
    this.#held = held;
    this.#resolve = resolve;
    execution.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** From here on bytes leave. Before, nothing can have happened. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#done) controller.abort(new Error("no longer wanted"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: { readonly [name: string]: string | string[] | undefined },
  ): void {
    if (status < 200) {
      if (++this.#interim > MAX_INTERIM) this.#stop("upstream_error");
      return;
    }
    this.#status = status;
    if (status >= 500) return this.#stop("upstream_error", status);
    const conditional = (this.#execution.preview?.etag ?? null) !== null;
    if (status === PRECONDITION_FAILED && conditional) {
      return this.#stop("preview_stale", status, "none");
    }
    if (status >= 400) return this.#stop("upstream_rejected", status, "none");
    if (status >= 300) return this.#stop("upstream_rejected", status);
    const encoding = headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      return this.#stop("output_invalid", status);
    const length = Number(headers["content-length"]);
    if (length > this.#execution.cap) return this.#stop("response_too_large", status);
    const type = headers["content-type"];
    // Of all headers only these two travel on, and only as plain text.
    this.#contentType =
      typeof type === "string" && /^[\x20-\x7e]{1,256}$/.test(type)
        ? type
        : "application/octet-stream";
    const { etag } = headers;
    if (typeof etag === "string" && STRONG_ETAG.test(etag)) this.#etag = etag;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return;
    if (this.#bytes + chunk.length > this.#execution.cap) {
      return this.#stop("response_too_large", this.#status);
    }
    if (!this.#held.take(chunk.length)) return this.#stop("busy", this.#status);
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    const body = Buffer.concat(this.#chunks, this.#bytes);
    this.#finish({
      ok: true,
      status: this.#status,
      contentType: this.#contentType,
      ...framedBytes(body, this.#contentType),
      truncated: false,
      ...(this.#etag !== null && { etag: this.#etag }),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: unknown): void {
    this.#finish(failure(networkFailure(error), this.#effect()));
  }

  #stop(code: Parameters<typeof failure>[0], status?: number, effect = this.#effect()): void {
    this.#finish(failure(code, effect, status));
    // Destroys the socket: the rest of a gigabyte is not read to be polite.
    this.#controller?.abort(new Error("stopped reading"));
  }

  #finish(answer: ConnectorAnswer): void {
    if (this.#done) return;
    this.#done = true;
    this.#execution.signal.removeEventListener("abort", this.#onAbort);
    this.#held.give(this.#bytes);
    this.#chunks.length = 0;
    this.#resolve(answer);
  }

  #effect(): "none" | "possible" {
    return this.#safe || this.#controller === null ? "none" : "possible";
  }
}
