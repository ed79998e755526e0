import type { Writable } from "node:stream";
import { isObject, parseStrict } from "../../core/model/json.ts";
import { PosternError } from "../../sdk/error.ts";
import { CliError } from "../exit.ts";
import { type Envelope, envelopeOf } from "./envelope.ts";
import { readLines } from "./lines.ts";
import { readEvents } from "./sse.ts";
import { type Credentialed, forward } from "./upstream.ts";

/** The gateway reads no larger message. */
const MAX_LINE_BYTES = 4 * 1_024 * 1_024;
/** A client that sends faster than it is answered waits; it cannot fill our memory. */
const MAX_IN_FLIGHT = 64;

const GREETINGS: readonly string[] = ["initialize", "server/discover"];

const INTERNAL_ERROR = -32603;
const INVALID_REQUEST = -32600;

export interface StdioOptions {
  /** Opened when it is first needed; who is asked again after a failure tries again. */
  readonly workflow: () => Promise<Credentialed>;
  /** What can be said without a workflow. */
  readonly greet: (request: Request) => Promise<Response>;
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/**
 * MCP on standard input and output: each request goes to the gateway as it is, and what the gateway
 * answers comes back as it is. Ends when the input has ended and everything is answered.
 *
 * Greetings are answered here. Clients start a second process only to ask what it speaks, with
 * little patience: that must neither sign a human in nor spend the one token a human gave us.
 */
export async function bridgeStdio(options: StdioOptions): Promise<void> {
  const bridge = new Bridge(options);
  try {
    for await (const line of readLines(options.input, MAX_LINE_BYTES)) {
      if (line === null) bridge.write(failure(null, INVALID_REQUEST, "The message is too large."));
      else if (line.trim() !== "") await bridge.take(line);
    }
  } catch (error) {
    // Whoever stops us destroys the input.
    if (!options.signal.aborted) throw error;
  }
  await bridge.idle();
}

interface InFlight {
  readonly id: string | number | null;
  /** Of 2026-07-28. */
  readonly modern: boolean;
  /** To the gateway. */
  sent: boolean;
}

class Bridge {
  readonly #options: StdioOptions;
  readonly #inFlight = new Map<AbortController, InFlight>();
  readonly #working = new Set<Promise<void>>();
  #negotiated: string | null = null;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  async take(line: string): Promise<void> {
    while (this.#working.size >= MAX_IN_FLIGHT) await Promise.race(this.#working);
    const parsed = parseStrict(line);
    const envelope = envelopeOf(parsed.ok ? parsed.value : null, this.#negotiated);
    if (envelope.cancels !== null) return this.#cancel(line, envelope);
    // Other notifications say nothing to a gateway that keeps no session.
    if (envelope.method !== null && envelope.id === null) return;
    const work = this.#exchange(line, envelope).finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#working);
  }

  write(message: string): void {
    this.#options.output.write(`${message}\n`);
  }

  /**
   * Over HTTP to hang up is to cancel since 2026-07-28; before, the gateway has to be told. A cancelled
   * request gets no answer.
   */
  #cancel(line: string, envelope: Envelope): void {
    for (const [controller, { id, modern, sent }] of this.#inFlight) {
      if (id !== envelope.cancels) continue;
      const told = modern || !sent ? Promise.resolve() : this.#tell(line, envelope);
      const work = told
        .finally(() => controller.abort())
        .then(() => void this.#working.delete(work));
      this.#working.add(work);
    }
  }

  /** Whether it hears of it or not: the client waits no more. */
  async #tell(line: string, envelope: Envelope): Promise<void> {
    try {
      const workflow = await this.#options.workflow();
      const { headers } = envelope;
      const { signal } = this.#options;
      const response = await forward(workflow, { method: "POST", headers, body: line, signal });
      await response.body?.cancel();
    } catch {
      // It is lost like any other message: the call ends by itself.
    }
  }

  async #exchange(body: string, envelope: Envelope): Promise<void> {
    const { id, method, modern } = envelope;
    const cancelled = new AbortController();
    const inFlight: InFlight = { id, modern, sent: false };
    this.#inFlight.set(cancelled, inFlight);
    const signal = AbortSignal.any([cancelled.signal, this.#options.signal]);
    try {
      const sending = (): void => void (inFlight.sent = true);
      const response = await this.#send(body, envelope, signal, sending);
      const answered = await this.#relay(response, method);
      if (!answered && id !== null) {
        const message = `The gateway answered ${response.status} without a message.`;
        this.write(failure(id, INTERNAL_ERROR, message));
      }
    } catch (error) {
      if (signal.aborted || id === null) return;
      const told = error instanceof PosternError || error instanceof CliError;
      const why = told ? error.message : "The gateway's answer broke off.";
      this.write(failure(id, INTERNAL_ERROR, why));
    } finally {
      this.#inFlight.delete(cancelled);
    }
  }

  async #send(
    body: string,
    envelope: Envelope,
    signal: AbortSignal,
    sending: () => void,
  ): Promise<Response> {
    const { method, headers } = envelope;
    if (method === null || GREETINGS.includes(method)) {
      return this.#options.greet(
        new Request("http://localhost/mcp", { method: "POST", headers, body }),
      );
    }
    const workflow = await unlessAborted(this.#options.workflow(), signal);
    sending();
    return forward(workflow, { method: "POST", headers, body, signal });
  }

  /** False when there was no JSON-RPC message in the answer. */
  async #relay(response: Response, method: string | null): Promise<boolean> {
    const type = response.headers.get("content-type") ?? "";
    if (response.body !== null && type.startsWith("text/event-stream")) {
      let any = false;
      for await (const event of readEvents(response.body)) {
        any = this.#relayMessage(event, method) || any;
      }
      return any;
    }
    return this.#relayMessage(await response.text(), method);
  }

  #relayMessage(text: string, method: string | null): boolean {
    const message = parseJson(text);
    if (!isObject(message) || message["jsonrpc"] !== "2.0") return false;
    const { result } = message;
    if (method === "initialize" && isObject(result)) {
      const { protocolVersion } = result;
      if (typeof protocolVersion === "string") this.#negotiated = protocolVersion;
    }
    // Again as one line: JSON may hold line breaks between its tokens.
    this.write(JSON.stringify(message));
    return true;
  }
}

/** A sign-in takes minutes; a client that is gone does not wait for it. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new DOMException("aborted", "AbortError"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject);
  });
}

/** The gateway's own words: how deep a result is nested is for it to judge. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(id: string | number | null, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
}
