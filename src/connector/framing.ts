import type { Socket } from "node:net";
import { type buildConnector, Client, type Dispatcher, errors } from "undici";

/** Beyond as much as the body has: status lines, headers, sizes and extensions of chunks, trailers. */
export const MAX_FRAMING_BYTES = 64 * 1_024;

/**
 * A client that ends a connection whose answer is all frame. The parser reads past chunk extensions and
 * empty lines without a word, so a service could send them at full speed until the call's time is over.
 */
export class FramedClient extends Client {
  readonly #line: Line;

  constructor(origin: URL, options: Client.Options, connect: buildConnector.connector) {
    const line = new Line();
    super(origin, { ...options, connect: line.through(connect) });
    this.#line = line;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Handler): boolean {
    return super.dispatch(options, new Framed(this.#line, handler));
  }
}

/** The connection of one client, and what has come in on it; over TLS, once decrypted. */
class Line {
  #socket: Socket | null = null;
  /** What the parser had taken when the exchange began that has the line now. */
  #before = 0;
  #body = 0;

  through(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) =>
      connect(options, (...opened) => {
        const [failed, socket] = opened;
        if (failed === null) {
          this.#socket = socket;
          this.begin();
          // Comes before the parser's own listener, which takes all there is: counted is what it took before.
          socket.on("readable", () => this.#weigh(socket));
        }
        callback(...opened);
      });
  }

  begin(): void {
    this.#before = this.#socket === null ? 0 : taken(this.#socket);
    this.#body = 0;
  }

  body(bytes: number): void {
    this.#body += bytes;
  }

  #weigh(socket: Socket): void {
    const framing = taken(socket) - this.#before - this.#body;
    if (framing > MAX_FRAMING_BYTES + this.#body) {
      socket.destroy(new errors.ResponseExceededMaxSizeError());
    }
  }
}

function taken(socket: Socket): number {
  return socket.bytesRead - socket.readableLength;
}

type Handler = Dispatcher.DispatchHandler;

/** Tells the line when its exchange begins, and which of the bytes are body. */
class Framed implements Handler {
  readonly #line: Line;
  readonly #handler: Handler;

  constructor(line: Line, handler: Handler) {
    this.#line = line;
    this.#handler = handler;
  }

  onRequestStart(...start: Parameters<Required<Handler>["onRequestStart"]>): void {
    this.#line.begin();
    this.#handler.onRequestStart?.(...start);
  }

  onResponseStart(...start: Parameters<Required<Handler>["onResponseStart"]>): void {
    this.#handler.onResponseStart?.(...start);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#line.body(chunk.length);
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...end: Parameters<Required<Handler>["onResponseEnd"]>): void {
    this.#handler.onResponseEnd?.(...end);
  }

  onResponseError(...error: Parameters<Required<Handler>["onResponseError"]>): void {
    this.#handler.onResponseError?.(...error);
  }
}
