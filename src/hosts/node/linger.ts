import { type IncomingMessage, type RequestListener, ServerResponse } from "node:http";

/**
 * Of a body that is answered before it is in, so much is still taken and thrown away: sixteen times
 * what any request may have, for whoever sends a file by mistake.
 */
const LINGER_BYTES = 64 * 1_024 * 1_024;
/** And for so long: those bytes at 50 Mbit/s. A request that is still to be answered may hold a socket longer. */
const LINGER_MS = 10_000;

/** Set by Node while the response is made, before a field of ours could be. */
const WANTED = Symbol("wanted");

export interface LingerLimits {
  readonly bytes: number;
  readonly ms: number;
}

const LIMITS: LingerLimits = { bytes: LINGER_BYTES, ms: LINGER_MS };

/**
 * Answers that come before their request is in (too large, not signed in, no such place) still reach
 * the client. Closing under a body that is on its way makes the kernel send a reset, and a reset takes
 * an answer that was not read yet with it (RFC 9112 §9.6). Keeping the connection open is no way out:
 * the client would send its next request behind a body that may never end.
 */
export function lingering(answer: RequestListener, limits: LingerLimits = LIMITS): RequestListener {
  return (request, response) => {
    if (!(response instanceof LingeringResponse)) throw new TypeError("not a server of ours");
    // Behind an answer that said "close" nothing is a request any more, whatever it looks like.
    if (request.socket.writableEnded) return;
    // Before Node's own listener, which would stop counting what arrives and close.
    response.prependOnceListener("finish", () => {
      if (!request.complete && !request.destroyed) linger(request, limits);
    });
    answer(request, response);
  };
}

/**
 * What a server of `lingering` answers with: the connection is kept only when the body is in, which is
 * known for certain only when the headers of the answer are written.
 */
export class LingeringResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  declare [WANTED]?: boolean;
}

// Once for all: an accessor of its own would make every response slower to use than any other.
Object.defineProperty(LingeringResponse.prototype, "shouldKeepAlive", {
  get(this: LingeringResponse) {
    return this[WANTED] === true && (!hasBody(this.req) || this.req.complete);
  },
  set(this: LingeringResponse, value: boolean) {
    this[WANTED] = value;
  },
});

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function linger(request: IncomingMessage, limits: LingerLimits): void {
  const { socket } = request;
  // What Node calls after the last answer of a connection: only our half of it ends now.
  socket.destroySoon = () => socket.end();
  const timer = setTimeout(() => socket.destroy(), limits.ms);
  socket.once("close", () => clearTimeout(timer));
  let left = limits.bytes;
  // A reader that gave up would hold the stream, or go on keeping what nobody asks for.
  request.removeAllListeners("data").removeAllListeners("readable");
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  request.once("end", () => socket.end(() => socket.destroy()));
  request.resume();
}
