import type { Peer } from "./gateway-end.ts";
import { FRAME_TYPE, OPEN_PATH, SOCKET_HEADER, SOCKET_ID } from "./post.ts";
import { HANDSHAKE_MS, MAX_FRAME_BYTES, MAX_UNASKED_BYTES } from "./protocol.ts";
import type { Socket } from "./socket.ts";

/** What is asked of whoever carries the POSTs: undici, or a binding into a private network. */
export type Fetcher = (url: string, init: PostInit) => Promise<Answer>;

interface PostInit {
  readonly method: "POST";
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly redirect: "manual";
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

/** Challenge and welcome: before both have arrived, a connector takes no larger frame than these may be. */
const HANDSHAKE_FRAMES = 2;
/** Whatever else the connector has to say comes with an answer: never more than twice a frame. */
const MAX_LINES_BYTES = 2 * MAX_FRAME_BYTES;

/** Over all answers that are coming in: a connector may say what it owes, however many POSTs it lets wait. */
class Arriving {
  #bytes = 0;
  readonly #room: () => number;

  constructor(room: () => number) {
    this.#room = room;
  }

  /** False: more than there is room for. */
  take(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= this.#room();
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/**
 * A socket to a connector that listens, out of `fetch` alone. Resolves when it is over; false: there was
 * nobody.
 */
export async function openByPost(
  origin: string,
  accept: (socket: Socket) => Peer,
  stop: AbortSignal,
  fetcher: Fetcher,
): Promise<boolean> {
  const gone = new AbortController();
  const over = AbortSignal.any([stop, gone.signal]);
  const opened = await post(
    `${origin}${OPEN_PATH}`,
    "",
    AbortSignal.any([over, AbortSignal.timeout(HANDSHAKE_MS)]),
    fetcher,
    new Arriving(() => MAX_UNASKED_BYTES),
  );
  const id = opened?.socket ?? "";
  if (opened === null || !SOCKET_ID.test(id)) return false;
  const sending = new Posts(`${origin}${OPEN_PATH}/${id}`, over, () => gone.abort(), fetcher);
  const peer = accept(sending);
  sending.listen(peer);
  for (const line of opened.lines) peer.message(line);
  await new Promise<void>((resolve) => {
    if (over.aborted) resolve();
    over.addEventListener("abort", () => resolve(), { once: true });
  });
  peer.closed();
  return true;
}

class Posts implements Socket {
  readonly #url: string;
  readonly #over: AbortSignal;
  readonly #close: () => void;
  readonly #fetch: Fetcher;
  #next = 0;
  /** Nothing overtakes the handshake: it would be refused for its size, and be a hole in the session. */
  #begun: Promise<void> = Promise.resolve();
  #bytes = 0;
  #peer: Peer | null = null;
  readonly #arriving = new Arriving(() => this.#peer?.room() ?? 0);

  constructor(url: string, over: AbortSignal, close: () => void, fetcher: Fetcher) {
    this.#url = url;
    this.#over = over;
    this.#close = close;
    this.#fetch = fetcher;
  }

  listen(peer: Peer): void {
    this.#peer = peer;
  }

  send(text: string): boolean {
    if (this.#over.aborted) return false;
    const turn = this.#next++;
    this.#bytes += text.length;
    const posted = this.#begun.then(() => this.#post(`${this.#url}/${turn}`, text));
    if (turn < HANDSHAKE_FRAMES) this.#begun = posted;
    return true;
  }

  /** The other end finds out by itself, as it does where a network is lost; a frame says it sooner. */
  close(code: number): void {
    if (this.#over.aborted) return;
    const soon = AbortSignal.timeout(HANDSHAKE_MS);
    void post(`${this.#url}/close`, String(code), soon, this.#fetch, new Arriving(() => 0));
    this.#close();
  }

  buffered(): number {
    return this.#bytes;
  }

  async #post(url: string, text: string): Promise<void> {
    const answer = await post(url, text, this.#over, this.#fetch, this.#arriving);
    this.#bytes -= text.length;
    if (this.#over.aborted) return;
    // One frame that is lost is a hole in the session.
    if (answer === null) return this.#close();
    for (const line of answer.lines) this.#peer?.message(line);
  }
}

interface Posted {
  readonly socket: string | null;
  readonly lines: readonly string[];
}

/** Null: no answer, or none of this protocol. */
async function post(
  url: string,
  body: string,
  signal: AbortSignal,
  fetcher: Fetcher,
  arriving: Arriving,
): Promise<Posted | null> {
  try {
    const response = await fetcher(url, {
      method: "POST",
      headers: { "content-type": FRAME_TYPE },
      body,
      // Wherever it points to, nobody there has proved anything.
      redirect: "manual",
      signal,
    });
    const type = response.headers.get("content-type");
    if (response.status !== 200 || type !== FRAME_TYPE) {
      await response.body?.cancel();
      return null;
    }
    const text = await bounded(response, arriving);
    if (text === null) return null;
    const socket = response.headers.get(SOCKET_HEADER);
    return { socket, lines: text.split("\n").filter((line) => line !== "") };
  } catch {
    return null;
  }
}

async function bounded(response: Answer, arriving: Arriving): Promise<string | null> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (!arriving.take(chunk.length) || size > MAX_LINES_BYTES) return null;
      text += decoder.decode(chunk, { stream: true });
    }
  } finally {
    arriving.give(size);
  }
  return text + decoder.decode();
}
