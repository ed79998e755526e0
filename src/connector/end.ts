import { presenterOf } from "../core/model/claims.ts";
import { MemorySpentStore, type SpentStore } from "../sdk/verify.ts";
import { encode, parseToConnector } from "../tunnel/frames.ts";
import type { Ed25519Jwk } from "../tunnel/keys.ts";
import {
  BEAT_MS,
  CLOSE,
  HANDSHAKE_MS,
  LEASE_MS,
  MAX_BUFFERED_BYTES,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_IN_FLIGHT,
  TUNNEL_VERSION,
  handshakeText,
  rotationText,
  type Challenge,
  type ConnectorAnswer,
  type ConnectorSignal,
  type RequestFrame,
  type SeenState,
  type ToConnector,
  type ToGateway,
} from "../tunnel/protocol.ts";
import type { Clock, Socket } from "../tunnel/socket.ts";
import { gatewayFault } from "./gateway-proof.ts";
import { Silence } from "./silence.ts";

/** Questions about the journal under way: each may hold a connection of a database for a moment. */
const MAX_QUESTIONS = 32;
/** No gateway asks again so often while it hears that there is no room: ids are kept for as long as a session. */
const MAX_REFUSED = 8_192;

export interface Identity {
  readonly tenant: string;
  readonly connector: string;
  /** The gateway's call-token keys that are believed at this moment. */
  readonly gatewayKeys: Iterable<Ed25519Jwk>;
  sign(text: string): string;
}

/** One request with everything it may lean on. */
export interface Job {
  readonly frame: RequestFrame;
  /** What `req_wl` of its token must say. */
  readonly presenter: string;
  /** Lives and dies with the session: nothing spent here can be spent in another one. */
  readonly spent: SpentStore;
  /** The gateway's clock, milliseconds. */
  now(): number;
  /** The highest lock epoch this session has heard of, up to this moment. */
  epoch(): number;
  /** Until the deadline; never negative. */
  remainingMs(): number;
  /** Deadline, cut, or the end of the session. */
  readonly signal: AbortSignal;
  /** Tells the gateway at once what was seen with its token. */
  raise(signal: ConnectorSignal, call: string): void;
}

export interface EndPorts {
  /** Answers in every case, soon after `signal` at the latest. */
  serve(job: Job): Promise<ConnectorAnswer>;
  /** Answers in every case, within a second or two: the gateway does not wait longer. */
  seen(call: string): Promise<SeenState>;
  /** 32 random bytes, hex. */
  nonce(): string;
  /** The key that comes next, and its signature; null: it could not be kept. */
  rotate(text: string): Promise<{ readonly key: Ed25519Jwk; readonly signature: string } | null>;
  /** That key is the one by which the gateway knows us. */
  rotated(): void;
  /** Somebody wants us to finish what we have, and stop. */
  drain(): void;
  /** From now on the gateway is to be believed under these keys, and under no other. */
  keys(keys: readonly Ed25519Jwk[]): void;
  began(session: string): void;
  /** Two beats did not come. `heard`: something has come, or the session is over. */
  silent(heard: AbortSignal): void;
  ended(reason: EndReason): void;
}

export const END_REASONS = [
  "lost",
  "lease",
  /** The gateway answers elsewhere, and nothing comes here. */
  "half_open",
  "malformed",
  "gateway_unproven",
  /** No key that we believe leads to its own: a stranger, or we were away for too long. */
  "gateway_key_unknown",
  "handshake_timeout",
  "stopped",
] as const;
export type EndReason = (typeof END_REASONS)[number];

type State =
  | { readonly at: "challenge"; readonly nonce: string }
  | { readonly at: "welcome"; readonly session: string }
  | { readonly at: "live"; readonly session: string; readonly spent: SpentStore }
  | { readonly at: "ended" };

type Heard = { readonly now: number; readonly epoch: number };

/** The connector's side of one socket, from `hello` to its end. */
export class ConnectorEnd {
  readonly #identity: Identity;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #ports: EndPorts;
  readonly #work = new Map<string, AbortController>();
  /** Bytes of the requests under way. */
  #held = 0;
  /** Ids of requests that nobody looked at. */
  readonly #refused = new Set<string>();
  #state: State;
  #draining = false;
  #idle: (() => void) | null = null;
  /** Gateway time at the last beat, and our monotonic time then. */
  #time = { gateway: 0, elapsed: 0 };
  /** Of this session: a gateway that lost a lock with its disk begins a new one. */
  #epoch = 0;
  #questions = 0;
  #cancelTimer: () => void;
  #cancelBeat: () => void = () => undefined;
  readonly #silence: Silence;

  /** The socket is open. */
  constructor(identity: Identity, socket: Socket, clock: Clock, ports: EndPorts) {
    this.#identity = identity;
    this.#socket = socket;
    this.#clock = clock;
    this.#ports = ports;
    this.#silence = new Silence(clock, (heard) => ports.silent(heard));
    const nonce = ports.nonce();
    this.#state = { at: "challenge", nonce };
    this.#cancelTimer = clock.after(HANDSHAKE_MS, () => {
      this.#end("handshake_timeout", CLOSE.timeout);
    });
    const { tenant, connector } = identity;
    this.#write({ t: "hello", v: TUNNEL_VERSION, tenant, connector, nonce });
  }

  message(text: string): void {
    const state = this.#state;
    if (state.at === "ended") return;
    const live = state.at === "live";
    if (live) this.#silence.broken();
    const frame = parseToConnector(text, live ? MAX_FRAME_BYTES : MAX_HANDSHAKE_FRAME_BYTES);
    if (frame === null) this.#end("malformed", CLOSE.malformed);
    else if (state.at === "challenge" && frame.t === "challenge") this.#prove(state.nonce, frame);
    else if (state.at === "welcome" && frame.t === "welcome") this.#begin(state.session, frame);
    else if (state.at === "live") this.#receive(state, frame, text.length);
    else this.#end("malformed", CLOSE.malformed);
  }

  /** Nothing will come on this socket any more: what is under way ends as with a lost one. */
  giveUp(): void {
    this.#end("half_open", CLOSE.timeout);
  }

  closed(): void {
    this.#end("lost", CLOSE.goingAway);
  }

  /** No new work; resolves when what is under way has been answered. */
  drain(): Promise<void> {
    if (!this.#draining && this.#state.at === "live") this.#write({ t: "drain" });
    this.#draining = true;
    if (this.#work.size === 0 || this.#state.at !== "live") return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  stop(): void {
    this.#end("stopped", CLOSE.goingAway);
  }

  /** Whoever answers for the gateway must hold a key that ours lead to; then we prove ours. */
  #prove(nonce: string, challenge: Challenge): void {
    const fault = gatewayFault(this.#identity, nonce, challenge);
    if (fault !== null) return this.#end(fault, CLOSE.unauthorized);
    const { tenant, connector } = this.#identity;
    const of = { tenant, connector, nonce, session: challenge.session };
    this.#state = { at: "welcome", session: challenge.session };
    this.#write({
      t: "proof",
      signature: this.#identity.sign(handshakeText("connector", of)),
    });
  }

  #begin(session: string, welcome: Heard): void {
    this.#state = { at: "live", session, spent: new MemorySpentStore() };
    this.#hear(welcome);
    this.#beat();
    this.#silence.watch();
    this.#ports.began(session);
    if (this.#draining) this.#write({ t: "drain" });
  }

  #receive(state: State & { at: "live" }, frame: ToConnector, size: number): void {
    switch (frame.t) {
      case "beat":
        return this.#hear(frame);
      case "keys":
        return this.#ports.keys(frame.keys);
      case "request":
        return this.#request(state, frame, size);
      case "cut":
        this.#work.get(frame.id)?.abort();
        return;
      case "seen":
        return this.#seen(frame.id, frame.call);
      case "rotate":
        return this.#rotate(state.session, frame.id);
      case "rotated":
        return this.#ports.rotated();
      case "drain":
        return this.#ports.drain();
      case "challenge":
      case "welcome":
        return this.#end("malformed", CLOSE.malformed);
    }
  }

  #request(state: State & { at: "live" }, frame: RequestFrame, size: number): void {
    // One id for two requests would let the answer of one pass for the other's. And what was refused
    // unread has an unspent token: a copy must not be done behind an answer that nothing was.
    const again = this.#work.has(frame.id) || this.#refused.has(frame.id);
    if (again || this.#refused.size >= MAX_REFUSED) {
      return this.#end("malformed", CLOSE.malformed);
    }
    if (
      this.#draining ||
      this.#work.size >= MAX_IN_FLIGHT ||
      this.#held + size > MAX_BUFFERED_BYTES ||
      this.#socket.buffered() > MAX_BUFFERED_BYTES
    ) {
      this.#refused.add(frame.id);
      const code = this.#draining ? "connector_unavailable" : "busy";
      this.#answer(frame.id, { ok: false, code, effect: "none" });
      return;
    }
    const controller = new AbortController();
    const until = this.#clock.elapsed() + frame.timeoutMs;
    const cancelDeadline = this.#clock.after(frame.timeoutMs, () => controller.abort());
    this.#work.set(frame.id, controller);
    this.#held += size;
    const job: Job = {
      frame,
      presenter: presenterOf(this.#identity.connector, state.session),
      spent: state.spent,
      now: () => this.#time.gateway + (this.#clock.elapsed() - this.#time.elapsed),
      epoch: () => this.#epoch,
      remainingMs: () => Math.max(0, until - this.#clock.elapsed()),
      signal: controller.signal,
      raise: (signal, call) => {
        if (this.#state.at === "live") this.#write({ t: "signal", signal, call });
      },
    };
    void this.#ports.serve(job).then((answer) => {
      cancelDeadline();
      this.#held -= size;
      // Gone when the session ended meanwhile: its answers belong to nobody.
      if (!this.#work.delete(frame.id)) return;
      this.#answer(frame.id, answer);
      if (this.#work.size === 0) this.#idle?.();
    });
  }

  #answer(id: string, answer: ConnectorAnswer): void {
    if (this.#write({ t: "answer", id, answer })) return;
    const code = "response_too_large";
    this.#write({ t: "answer", id, answer: { ok: false, code, effect: "possible" } });
  }

  /** What cannot be asked now is `started`: that claims nothing. */
  #seen(id: string, call: string): void {
    if (this.#questions >= MAX_QUESTIONS) {
      this.#write({ t: "seen", id, state: "started" });
      return;
    }
    this.#questions++;
    void this.#ports.seen(call).then((state) => {
      this.#questions--;
      if (this.#state.at === "live") this.#write({ t: "seen", id, state });
    });
  }

  #rotate(session: string, id: string): void {
    const { tenant, connector } = this.#identity;
    void this.#ports.rotate(rotationText({ tenant, connector, session })).then((next) => {
      if (next !== null && this.#state.at === "live") this.#write({ t: "rotate", id, ...next });
    });
  }

  /** A beat renews the lease, sets our watch, and tells of locks; an epoch never goes back. */
  #hear({ now, epoch }: Heard): void {
    this.#time = { gateway: now, elapsed: this.#clock.elapsed() };
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(LEASE_MS, () => this.#end("lease", CLOSE.timeout));
  }

  #beat(): void {
    this.#write({ t: "beat" });
    this.#cancelBeat = this.#clock.after(BEAT_MS, () => this.#beat());
  }

  /**
   * The fence. From here on the gateway may tell others that our work is undecided, so none of it
   * may go on: everything is aborted before anything else happens.
   */
  #end(reason: EndReason, code: number): void {
    if (this.#state.at === "ended") return;
    this.#state = { at: "ended" };
    this.#cancelTimer();
    this.#cancelBeat();
    this.#silence.end();
    const work = [...this.#work.values()];
    this.#work.clear();
    for (const controller of work) controller.abort();
    this.#socket.close(code);
    this.#idle?.();
    this.#ports.ended(reason);
  }

  #write(frame: ToGateway): boolean {
    const text = encode(frame);
    if (text === null) return false;
    this.#socket.send(text);
    return true;
  }
}
