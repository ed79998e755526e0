/**
 * The same frames where the connector listens: the gateway dials, and each of its frames is the body of
 * an HTTP POST. What the connector has to say comes back as lines: at once, or, after a frame that asks for
 * an answer, with that answer.
 */
export const OPEN_PATH = "/postern/tunnel";
/** Names the session between the two, not to anybody else: 16 random bytes, hex. */
export const SOCKET_HEADER = "postern-socket";
export const SOCKET_ID = /^[0-9a-f]{32}$/;
export const FRAME_TYPE = "application/x-ndjson";
/** Frames that may overtake another one on their way. */
export const MAX_OVERTAKING = 1_024;

/** As `encode` writes them: the type first, then the id. Anything else waits for no answer. */
const ASKING = /^\{"t":"(?:request|seen|rotate)","id":"([A-Za-z0-9_-]{1,32})"/;
const ANSWERING = /^\{"t":"(?:answer|seen|rotate)","id":"([A-Za-z0-9_-]{1,32})"/;

export function askedBy(frame: string): string | null {
  return ASKING.exec(frame)?.[1] ?? null;
}

export function answeredBy(frame: string): string | null {
  return ANSWERING.exec(frame)?.[1] ?? null;
}
