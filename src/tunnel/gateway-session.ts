import type { FailureCode } from "../core/model/outcome.ts";
import type { Request } from "../core/model/operation.ts";
import type { Tier } from "../core/model/policy.ts";
import { isOfCopy, isOversize } from "./answer.ts";
import { encode } from "./frames.ts";
import { verifyText, type Ed25519Jwk } from "./keys.ts";
import { Owed } from "./owed.ts";
import {
  BEAT_MS,
  CLOSE,
  LEASE_MS,
  MAX_BODY_BYTES,
  MAX_BUFFERED_BYTES,
  MAX_IN_FLIGHT,
  MAX_TIMEOUT_MS,
  MAX_UNASKED_BYTES,
  SILENT_MS,
  type AnswerFrame,
  type CloseCode,
  type ConnectorAnswer,
  type ConnectorSignal,
  rotationText,
  type NewKey,
  type SeenAnswer,
  type SeenState,
  type ToConnector,
  type ToGateway,
} from "./protocol.ts";
import { SignalWindow } from "./signal-window.ts";
import type { Clock, Socket } from "./socket.ts";

export interface SessionIdentity {
  readonly tenant: string;
  readonly connector: string;
  readonly network: string;
  readonly tier: Tier;
  /** Nonce of this session. */
  readonly session: string;
}

/** Same shape as the gateway's port `Connectors` hands over. */
export interface TunnelRequest {
  /** Names the request, so that it can be cut. */
  readonly call: string;
  readonly token: string;
  readonly request: Request;
  readonly cap: number;
  readonly timeoutMs: number;
  readonly cancelled?: AbortSignal | undefined;
}

/** What a session tells its connector of the tenant, as it is at that moment. */
export interface SessionNews {
  epoch(): number;
  keys(): readonly Ed25519Jwk[];
}

/** What happens to a session, for whoever keeps it. */
export interface SessionEvents {
  ended(session: GatewaySession, code: CloseCode): void;
  /** The connector saw this with a token that names this call; null: it is what the connector did. */
  signalled(signal: ConnectorSignal, call: string | null): void;
}

/** Between the choice and the request lies a commit; a call that is refused brings none. */
const EXPECTED_MS = 250;
/** A beat for whoever asks for a sign of life, at most so often: nobody has to prove anything to ask. */
const SIGN_OF_LIFE_MS = 250;
/** How long a question about the journal, or for a key, may take. */
const QUESTION_MS = 2_000;
/**
 * The connector gives up this much earlier than we do: its own answer says exactly whether
 * something happened, ours can only say that it may have.
 */
const ANSWER_MARGIN_MS = 250;

interface Pending {
  readonly call: string;
  readonly cap: number;
  /** Nobody looks at the clock for it any more, or waits for a word of its agent. */
  forget(): void;
  resolve(answer: ConnectorAnswer): void;
}

/** What a connector answers by itself, without a service. */
type Reply = SeenAnswer | NewKey;

interface Question {
  readonly t: Reply["t"];
  readonly cancelTimer: () => void;
  resolve(reply: Reply | null): void;
}

/** One live session, seen from the gateway: requests out, answers in, beats both ways. */
export class GatewaySession {
  readonly identity: SessionIdentity;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #news: SessionNews;
  readonly #events: SessionEvents;
  readonly #pending = new Map<string, Pending>();
  readonly owed = new Owed();
  readonly #questions = new Map<string, Question>();
  /** When it was chosen for requests that have not come yet, oldest first. */
  readonly #expected: number[] = [];
  #next = 0;
  #heard = 0;
  /** Beats of ours since the connector said anything. */
  #silentBeats = 0;
  #heardAt: number;
  #beatAt: number;
  /** The last beat, whatever it was for. */
  #spokeAt: number;
  #cancelBeat: () => void;
  #ended = false;
  #draining = false;
  readonly #signals = new SignalWindow();

  constructor(
    identity: SessionIdentity,
    socket: Socket,
    clock: Clock,
    news: SessionNews,
    events: SessionEvents,
  ) {
    this.identity = identity;
    this.#socket = socket;
    this.#clock = clock;
    this.#news = news;
    this.#events = events;
    this.#heardAt = clock.elapsed();
    this.#beatAt = this.#heardAt;
    this.#spokeAt = this.#heardAt;
    this.#cancelBeat = clock.after(BEAT_MS, () => this.#beat());
    this.#write({ t: "welcome", now: clock.now(), epoch: news.epoch() });
    this.announceKeys();
  }

  /** Requests under way, and those that it was chosen for a moment ago. */
  get load(): number {
    const since = this.#clock.elapsed() - EXPECTED_MS;
    const late = this.#expected.findIndex((at) => at > since);
    this.#expected.splice(0, late === -1 ? this.#expected.length : late);
    return this.#pending.size + this.#expected.length;
  }

  /** It was chosen: until its request comes, that counts, or a burst would all go to one connector. */
  expect(): void {
    this.#expected.push(this.#clock.elapsed());
  }

  /** Frames heard: what a second session with the same key is measured against. */
  get heard(): number {
    return this.#heard;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Nobody waits for a connector that may be gone: half-open, it would take requests for the whole lease. */
  get accepts(): boolean {
    return !this.#ended && !this.#draining && !this.silent;
  }

  /** Of our own stall the connector knows nothing: what it said meanwhile is still to be read. */
  get silent(): boolean {
    return this.#silentBeats >= 2 && this.#clock.elapsed() - this.#heardAt >= SILENT_MS;
  }

  /** When it will be silent, if nothing comes. */
  get silentInMs(): number {
    return Math.max(0, this.#heardAt + SILENT_MS - this.#clock.elapsed());
  }

  /** Resolves in every case. */
  send(request: TunnelRequest): Promise<ConnectorAnswer> {
    this.#expected.shift();
    if (this.#ended) return unsent("not_dispatched");
    if (this.#pending.size >= MAX_IN_FLIGHT || this.#socket.buffered() > MAX_BUFFERED_BYTES) {
      return unsent("busy");
    }
    const id = String(this.#next++);
    const timeoutMs = Math.min(Math.max(1, Math.floor(request.timeoutMs)), MAX_TIMEOUT_MS);
    const cap = Math.min(request.cap, MAX_BODY_BYTES);
    const text = encode({
      t: "request",
      id,
      token: request.token,
      operation: request.request.operation,
      body: request.request.body,
      contentType: request.request.contentType,
      idempotencyKey: request.request.idempotencyKey ?? null,
      preview: request.request.preview ?? null,
      cap,
      timeoutMs: Math.ceil(timeoutMs - Math.min(ANSWER_MARGIN_MS, timeoutMs / 10)),
    });
    if (text === null) return unsent("internal_error");
    if (!this.#socket.send(text)) {
      // It is on its way to be closed: nobody else should try.
      this.end(CLOSE.goingAway);
      return unsent("not_dispatched");
    }
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        this.#write({ t: "cut", id });
        // After a stall of our own its answer may be here, unread, and says more than we can.
        this.#clock.after(0, () => this.#giveUp(id, "deadline_exceeded"));
      });
      // Its own answer says exactly what came of it, and comes at once; its time runs on all the same.
      const cut = (): void => void this.#write({ t: "cut", id });
      const { call, cancelled } = request;
      const forget = (): void => {
        cancelTimer();
        cancelled?.removeEventListener("abort", cut);
      };
      this.#pending.set(id, { call, cap, forget, resolve });
      this.owed.asked(cap);
      cancelled?.addEventListener("abort", cut, { once: true });
    });
  }

  /** Null: no answer in time, which proves nothing. */
  async seen(call: string): Promise<SeenState | null> {
    const reply = await this.#ask((id) => ({ t: "seen", id, call }));
    return reply?.t === "seen" ? reply.state : null;
  }

  /** The key that comes next, proven; null: none came. It counts once it is on record. */
  async rotate(): Promise<Ed25519Jwk | null> {
    const reply = await this.#ask((id) => ({ t: "rotate", id }));
    if (reply?.t !== "rotate") return null;
    if (verifyText(reply.key, rotationText(this.identity), reply.signature)) return reply.key;
    this.end(CLOSE.unauthorized);
    return null;
  }

  /** That key is on record. */
  rotated(): void {
    this.#write({ t: "rotated", id: String(this.#next++) });
  }

  /** Gives it nothing more, and asks it to stop when it has done what it has. */
  drain(): void {
    this.#draining = true;
    this.#write({ t: "drain" });
  }

  #ask(question: (id: string) => ToConnector & { readonly t: Reply["t"] }): Promise<Reply | null> {
    const frame = question(String(this.#next++));
    if (this.#ended || !this.#write(frame) || !("id" in frame)) return Promise.resolve(null);
    const { t, id } = frame;
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.after(QUESTION_MS, () => this.#reply(id, null));
      this.#questions.set(id, { t, cancelTimer, resolve });
    });
  }

  /** Calls that wait for an answer. */
  *calls(): Iterable<string> {
    for (const { call } of this.#pending.values()) yield call;
  }

  /**
   * Stops these at the connector, now. Who waits for them is answered one turn later, so that hundreds
   * of settlements do not stand before the acknowledgement of the kill: they left, nobody knows more.
   */
  cut(calls: ReadonlySet<string>): void {
    // Newest first: one that waits for a socket at the connector must not get that of an older one.
    const ids = [...this.#pending]
      .reverse()
      .flatMap(([id, one]) => (calls.has(one.call) ? id : []));
    for (const id of ids) this.#write({ t: "cut", id });
    this.#clock.after(0, () => {
      for (const id of ids) this.#giveUp(id, "interrupted");
    });
  }

  /** False: a frame that has no place in a running session. `size`: of its text. */
  receive(frame: ToGateway, size: number): boolean {
    this.#heard++;
    this.#silentBeats = 0;
    this.#heardAt = this.#clock.elapsed();
    switch (frame.t) {
      case "answer":
        return this.#answer(frame, size);
      case "seen":
      case "rotate":
        if (this.#questions.get(frame.id)?.t === frame.t) this.#reply(frame.id, frame);
        return true;
      case "signal":
        this.#signal(frame.signal, frame.call);
        return true;
      case "beat":
        return true;
      case "drain":
        this.#draining = true;
        return true;
      case "hello":
      case "proof":
        return false;
    }
  }

  /** Somebody doubts this socket, and looks for a beat on it before the answer on another one. */
  showLife(): void {
    if (this.#clock.elapsed() - this.#spokeAt >= SIGN_OF_LIFE_MS) this.beatNow();
  }

  /** The epoch has moved: the connector must not hear of it a second later. */
  beatNow(): void {
    this.#spokeAt = this.#clock.elapsed();
    this.#write({ t: "beat", now: this.#clock.now(), epoch: this.#news.epoch() });
  }

  /** Before anything that is signed with a new key, and at once where one is not believed any more. */
  announceKeys(): void {
    this.#write({ t: "keys", keys: this.#news.keys() });
  }

  /** Everything still waiting gets its answer now: the request left, so nobody knows. */
  end(code: CloseCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelBeat();
    this.#socket.close(code);
    this.#events.ended(this, code);
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id, { ok: false, code: "connector_lost", effect: "possible" });
    }
    for (const id of [...this.#questions.keys()]) this.#reply(id, null);
  }

  /** An answer nobody waits for is dropped: ids are never reused. One that nobody asked for is a lie. */
  #answer(frame: AnswerFrame, size: number): boolean {
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) {
      if (this.owed.late(frame.id) || isOfCopy(frame.answer)) return true;
      this.#signal("context_mismatch", null);
      return size <= MAX_UNASKED_BYTES;
    }
    this.owed.answered(pending.cap);
    const oversize = isOversize(frame.answer, pending.cap);
    this.#settle(
      frame.id,
      oversize ? { ok: false, code: "response_too_large", effect: "possible" } : frame.answer,
    );
    return true;
  }

  #signal(signal: ConnectorSignal, call: string | null): void {
    if (this.#signals.take(this.#clock.elapsed())) this.#events.signalled(signal, call);
  }

  /** Its answer may still come, once. */
  #giveUp(id: string, code: FailureCode): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.owed.givenUp(id, pending.cap);
    this.#settle(id, { ok: false, code, effect: "possible" });
  }

  #settle(id: string, answer: ConnectorAnswer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.forget();
    pending.resolve(answer);
  }

  #reply(id: string, reply: Reply | null): void {
    const question = this.#questions.get(id);
    if (question === undefined) return;
    this.#questions.delete(id);
    question.cancelTimer();
    question.resolve(reply);
  }

  #beat(): void {
    const now = this.#clock.elapsed();
    // After a stall of our own, frames wait unread behind this timer: look again one beat later.
    const stalled = now - this.#beatAt > 2 * BEAT_MS;
    this.#beatAt = now;
    if (!stalled && now - this.#heardAt >= LEASE_MS) return this.end(CLOSE.timeout);
    this.#cancelBeat = this.#clock.after(BEAT_MS, () => this.#beat());
    this.#silentBeats++;
    this.beatNow();
  }

  #write(frame: ToConnector): boolean {
    const text = encode(frame);
    return text !== null && this.#socket.send(text);
  }
}

/** The frame provably never left. */
function unsent(code: FailureCode): Promise<ConnectorAnswer> {
  return Promise.resolve({ ok: false, code, effect: "none" });
}
