import type { Presenter } from "../core/model/command.ts";
import type { Tier } from "../core/model/policy.ts";
import { GatewaySession, type SessionIdentity, type TunnelRequest } from "./gateway-session.ts";
import type { Ed25519Jwk } from "./keys.ts";
import { Handshake, type Admission, type HandshakePorts } from "./handshake.ts";
import {
  CHALLENGE_MS,
  CLOSE,
  type CloseCode,
  type ConnectorAnswer,
  type ConnectorSignal,
  type SeenState,
} from "./protocol.ts";
import type { Clock, Socket } from "./socket.ts";

export interface GatewayEndPorts extends HandshakePorts {
  epoch(tenant: string): number;
  /** The tenant's call-token keys that are to be believed. */
  keys(tenant: string): readonly Ed25519Jwk[];
  /** Proven by the key of this connector; `call` is null where it is about the connector alone. */
  signalled(signal: TunnelSignal): void;
  /** For the operator's log: ids and codes, no values. */
  observe(event: TunnelEvent): void;
}

export interface TunnelEvent {
  readonly type: "session_begun" | "session_ended" | "session_refused";
  readonly tenant: string;
  readonly connector: string;
  readonly code: CloseCode | null;
}

export interface TunnelSignal {
  readonly signal: ConnectorSignal | "connector_clash";
  readonly tenant: string;
  readonly connector: string;
  readonly call: string | null;
}

/** A connector's next key, in the session in which it was proven. */
export interface Successor {
  readonly key: Ed25519Jwk;
  readonly session: string;
}

/** What a host feeds with the frames of one socket. */
export interface Peer {
  message(text: string): void;
  /** Bytes that it may say before it has finished a frame: what it owes, and a little. */
  room(): number;
  /** The socket is gone. */
  closed(): void;
}

/** Peers that have not proved anything yet: each may hold a socket and a frame of memory. */
const MAX_HANDSHAKES = 64;

/** The gateway's side of all tunnels: handshakes, the register of sessions, choice, sending. */
export class GatewayEnd {
  readonly #ports: GatewayEndPorts;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, GatewaySession>();
  readonly #byConnector = new Map<string, GatewaySession>();
  readonly #byPlace = new Map<string, Set<GatewaySession>>();
  readonly #handshakes = new Set<Handshake>();
  /** Connectors whose first session is being challenged by a second one, and what decides it. */
  readonly #contested = new Map<string, () => void>();

  constructor(ports: GatewayEndPorts, clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  accept(tenant: string, socket: Socket): Peer {
    const handshake = new Handshake(tenant, socket, this.#clock, this.#ports, {
      named: (connector) => this.#byConnector.get(key(tenant, connector))?.showLife(),
      admit: (identity) => this.#admit(identity, socket),
      over: (connector, code) => {
        this.#handshakes.delete(handshake);
        if (code === null) return;
        this.#ports.observe({ type: "session_refused", tenant, connector, code });
      },
    });
    this.#handshakes.add(handshake);
    const strangers = [...this.#handshakes].filter(({ proven }) => !proven);
    if (strangers.length > MAX_HANDSHAKES) this.#oneOf(strangers).refuse(CLOSE.timeout);
    return handshake;
  }

  /**
   * Whom nobody can foretell. If it were the one that comes, strangers who hold all places and say nothing
   * would keep every connector out; one that means it needs its place for two turns of the network only.
   */
  #oneOf(strangers: readonly Handshake[]): Handshake {
    const drawn = Number.parseInt(this.#ports.nonce().slice(-8), 16);
    return strangers[drawn % strangers.length]!;
  }

  /** Exactly this network and tier, never a higher one that happens to be free. */
  choose(tenant: string, network: string, tier: Tier): Presenter | null {
    let best: GatewaySession | null = null;
    for (const session of this.#byPlace.get(key(tenant, network, tier)) ?? []) {
      if (session.accepts && (best === null || session.load < best.load)) best = session;
    }
    if (best === null) return null;
    best.expect();
    return { connector: best.identity.connector, session: best.identity.session };
  }

  /** Null: it is not here, silent, or about to stop. */
  session(tenant: string, connector: string): Presenter | null {
    const session = this.#byConnector.get(key(tenant, connector));
    return session?.accepts === true ? { connector, session: session.identity.session } : null;
  }

  send(tenant: string, presenter: Presenter, request: TunnelRequest): Promise<ConnectorAnswer> {
    const session = this.#sessions.get(presenter.session);
    if (
      session === undefined ||
      session.identity.tenant !== tenant ||
      session.identity.connector !== presenter.connector
    ) {
      return Promise.resolve({ ok: false, code: "not_dispatched", effect: "none" });
    }
    return session.send(request);
  }

  /** What the connector's journal knows of a call; null while it cannot be asked. */
  seen(tenant: string, connector: string, call: string): Promise<SeenState | null> {
    const session = this.#byConnector.get(key(tenant, connector));
    return session === undefined ? Promise.resolve(null) : session.seen(call);
  }

  /** The live session of a connector, for reconciliation and for `connector list`. */
  live(tenant: string, connector: string): SessionIdentity | null {
    return this.#byConnector.get(key(tenant, connector))?.identity ?? null;
  }

  /** Calls of a tenant that wait for an answer of a connector. */
  *pending(tenant: string): Iterable<string> {
    for (const session of this.#of(tenant)) yield* session.calls();
  }

  /** Stops calls at their connectors; whoever sent them is answered in the next turn. */
  cut(tenant: string, calls: ReadonlySet<string>): void {
    for (const session of this.#of(tenant)) session.cut(calls);
  }

  /** Its next key, and the session that proved it; null: it is not here, or has none. */
  async rotate(tenant: string, connector: string): Promise<Successor | null> {
    const session = this.#byConnector.get(key(tenant, connector));
    const next = (await session?.rotate()) ?? null;
    return session === undefined || next === null
      ? null
      : { key: next, session: session.identity.session };
  }

  /** The key of before is good no more, nor is a session that nothing but that key has proved. */
  rotated(tenant: string, connector: string, { session }: Successor): void {
    const live = this.#byConnector.get(key(tenant, connector));
    if (live?.identity.session === session) live.rotated();
    else live?.end(CLOSE.unauthorized);
  }

  /** Calls that it still has; null: it is not here. */
  drain(tenant: string, connector: string): number | null {
    const session = this.#byConnector.get(key(tenant, connector));
    if (session === undefined) return null;
    session.drain();
    return [...session.calls()].length;
  }

  /** Ends the session of a connector that may be here no longer. */
  expel(tenant: string, connector: string): void {
    this.#byConnector.get(key(tenant, connector))?.end(CLOSE.unauthorized);
  }

  /** Tells all connectors of a tenant the epoch of now. */
  beatNow(tenant: string): void {
    for (const session of this.#of(tenant)) session.beatNow();
  }

  /** Tells all connectors of a tenant which keys of the gateway are to be believed from now on. */
  announceKeys(tenant: string): void {
    for (const session of this.#of(tenant)) session.announceKeys();
  }

  close(): void {
    for (const handshake of [...this.#handshakes]) handshake.refuse(CLOSE.goingAway);
    for (const session of [...this.#sessions.values()]) session.end(CLOSE.goingAway);
  }

  #of(tenant: string): readonly GatewaySession[] {
    return [...this.#sessions.values()].filter(({ identity }) => identity.tenant === tenant);
  }

  /**
   * A proven connector. If it is connected already, its first session has two seconds to show life:
   * a stolen key must not push the owner out, a dead socket must not keep the owner out.
   */
  #admit(identity: SessionIdentity, socket: Socket): Admission {
    const connector = key(identity.tenant, identity.connector);
    const first = this.#byConnector.get(connector);
    // Beats of ours went unanswered for longer than a challenge takes.
    if (first?.silent === true) first.end(CLOSE.replaced);
    if (first === undefined || first.ended) return { session: this.#begin(identity, socket) };
    if (this.#contested.has(connector)) return { refused: CLOSE.duplicate };
    const heard = first.heard;
    first.beatNow();
    return {
      decided: new Promise((resolve) => {
        const decide = (): void => {
          this.#contested.delete(connector);
          for (const cancel of timers) cancel();
          const alive = this.#byConnector.get(connector);
          if (alive !== undefined && (alive !== first || first.heard > heard)) {
            // Both hold the key and both are alive. One that only came back before we had noticed
            // that it was gone is silent, or not the first any more.
            if (alive === first) this.#clash(identity);
            return resolve(null);
          }
          first.end(CLOSE.replaced);
          resolve(() => (this.#byConnector.has(connector) ? null : this.#begin(identity, socket)));
        };
        const timers = [
          this.#clock.after(CHALLENGE_MS, decide),
          this.#clock.after(first.silentInMs, () => first.silent && decide()),
        ];
        this.#contested.set(connector, decide);
      }),
    };
  }

  #clash({ tenant, connector }: SessionIdentity): void {
    this.#ports.signalled({ signal: "connector_clash", tenant, connector, call: null });
  }

  #begin(identity: SessionIdentity, socket: Socket): GatewaySession {
    const { tenant, connector, network, tier } = identity;
    const session = new GatewaySession(
      identity,
      socket,
      this.#clock,
      { epoch: () => this.#ports.epoch(tenant), keys: () => this.#ports.keys(tenant) },
      {
        ended: (ended, code) => this.#forget(ended, code),
        signalled: (signal, call) => this.#ports.signalled({ signal, tenant, connector, call }),
      },
    );
    this.#sessions.set(identity.session, session);
    this.#byConnector.set(key(tenant, connector), session);
    const place = key(tenant, network, tier);
    const there = this.#byPlace.get(place);
    if (there === undefined) this.#byPlace.set(place, new Set([session]));
    else there.add(session);
    this.#ports.observe({ type: "session_begun", tenant, connector, code: null });
    return session;
  }

  #forget(session: GatewaySession, code: CloseCode): void {
    const { tenant, connector, network, tier } = session.identity;
    this.#sessions.delete(session.identity.session);
    const owner = key(tenant, connector);
    if (this.#byConnector.get(owner) === session) this.#byConnector.delete(owner);
    const place = key(tenant, network, tier);
    const there = this.#byPlace.get(place);
    there?.delete(session);
    if (there?.size === 0) this.#byPlace.delete(place);
    this.#ports.observe({ type: "session_ended", tenant, connector, code });
    // Whoever waits for a sign of life of it need not wait any longer.
    this.#contested.get(owner)?.();
  }
}

/** Ids hold no line break, so no two lists of them meet in one key. */
function key(...parts: readonly string[]): string {
  return parts.join("\n");
}
