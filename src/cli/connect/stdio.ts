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

class Bridge {
  readonly #options: StdioOptions;
  readonly #inFlight = new Map<AbortController, string | number | null>();
  readonly #working = new Set<Promise<void>>();
  #negotiated: string | null = null;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  async take(line: string): Promise<void> {
    while (this.#working.size >= MAX_IN_FLIGHT) await Promise.race(this.#working);
    const parsed = parseStrict(line);
    const envelope = envelopeOf(parsed.ok ? parsed.value : null, this.#negotiated);
    if (envelope.cancels !== null) return this.#cancel(envelope.cancels);
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

  /** HTTP has no message for it: to hang up is to cancel. A cancelled request gets no answer. */
  #cancel(id: string | number): void {
    for (const [controller, inFlight] of this.#inFlight) {
      if (inFlight === id) controller.abort();
    }
  }

  async #exchange(body: string, envelope: Envelope): Promise<void> {
    const { id, method } = envelope;
    const cancelled = new AbortController();
    this.#inFlight.set(cancelled, id);
    const signal = AbortSignal.any([cancelled.signal, this.#options.signal]);
    try {
      const response = await this.#send(body, envelope, signal);
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

  async #send(body: string, envelope: Envelope, signal: AbortSignal): Promise<Response> {
    const { method, headers } = envelope;
    if (method === null || GREETINGS.includes(method)) {
      return this.#options.greet(
        new Request("http://localhost/mcp", { method: "POST", headers, body }),
      );
    }
    const workflow = await unlessAborted(this.#options.workflow(), signal);
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
