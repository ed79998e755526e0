import type { Presenter } from "../core/model/command.ts";
import type { Tier } from "../core/model/policy.ts";
import { encode, parseToGateway } from "./frames.ts";
import { GatewaySession, type SessionIdentity, type TunnelRequest } from "./gateway-session.ts";
import { verifyText, type Ed25519Jwk } from "./keys.ts";
import {
  CHALLENGE_MS,
  CLOSE,
  HANDSHAKE_MS,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  TUNNEL_VERSION,
  handshakeText,
  type CloseCode,
  type ConnectorAnswer,
  type Hello,
  type SeenState,
} from "./protocol.ts";
import type { Clock, Socket } from "./socket.ts";

export interface ConnectorRecord {
  readonly publicKey: Ed25519Jwk;
  readonly network: string;
  readonly tier: Tier;
  readonly revoked: boolean;
}

export interface GatewayEndPorts {
  /** Null: unknown, or another tenant's. */
  connector(tenant: string, id: string): ConnectorRecord | null;
  /** Ed25519 with the tenant's call-token key, base64url. Null: no such tenant. */
  sign(tenant: string, text: string): { readonly kid: string; readonly signature: string } | null;
  epoch(tenant: string): number;
  /** 16 random bytes, hex. */
  nonce(): string;
  /** For the operator's log: ids and codes, no values. */
  observe(event: TunnelEvent): void;
}

export interface TunnelEvent {
  readonly type: "session_begun" | "session_ended" | "session_refused";
  readonly tenant: string;
  readonly connector: string;
  readonly code: CloseCode | null;
}

/** What a host feeds with the frames of one socket. */
export interface Peer {
  message(text: string): void;
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
  /** Connectors whose first session is being challenged by a second one. */
  readonly #contested = new Set<string>();

  constructor(ports: GatewayEndPorts, clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  accept(tenant: string, socket: Socket): Peer {
    const handshake = new Handshake(tenant, socket, this.#clock, this.#ports, (ended, identity) => {
      this.#handshakes.delete(ended);
      return identity === null ? null : this.#admit(identity, socket);
    });
    this.#handshakes.add(handshake);
    if (this.#handshakes.size > MAX_HANDSHAKES) handshake.refuse(CLOSE.timeout);
    return handshake;
  }

  /** Exactly this network and tier, never a higher one that happens to be free. */
  choose(tenant: string, network: string, tier: Tier): Presenter | null {
    let best: GatewaySession | null = null;
    for (const session of this.#byPlace.get(key(tenant, network, tier)) ?? []) {
      if (session.accepts && (best === null || better(session, best))) best = session;
    }
    if (best === null) return null;
    return { connector: best.identity.connector, session: best.identity.session };
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

  close(): void {
    for (const handshake of [...this.#handshakes]) handshake.refuse(CLOSE.goingAway);
    for (const session of [...this.#sessions.values()]) session.end(CLOSE.goingAway);
  }

  /**
   * A proven connector. If it is connected already, its first session has two seconds to show life:
   * a stolen key must not push the owner out, a dead socket must not keep the owner out.
   */
  #admit(identity: SessionIdentity, socket: Socket): Admission {
    const connector = key(identity.tenant, identity.connector);
    const first = this.#byConnector.get(connector);
    if (first === undefined) return { session: this.#begin(identity, socket) };
    if (this.#contested.has(connector)) return { refused: CLOSE.duplicate };
    this.#contested.add(connector);
    const asked = this.#clock.elapsed();
    first.challenge();
    return {
      decided: new Promise((resolve) => {
        this.#clock.after(CHALLENGE_MS, () => {
          this.#contested.delete(connector);
          const alive = this.#byConnector.get(connector);
          if (alive === first && first.heardAt > asked) return resolve(null);
          alive?.end(CLOSE.replaced);
          resolve(() => this.#begin(identity, socket));
        });
      }),
    };
  }

  #begin(identity: SessionIdentity, socket: Socket): GatewaySession {
    const { tenant, connector, network, tier } = identity;
    const session = new GatewaySession(
      identity,
      socket,
      this.#clock,
      () => this.#ports.epoch(tenant),
      (ended, code) => this.#forget(ended, code),
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
  }
}

type Admission =
  | { readonly session: GatewaySession }
  | { readonly refused: CloseCode }
  | { readonly decided: Promise<(() => GatewaySession) | null> };

type State =
  | { readonly at: "hello" }
  | { readonly at: "proof"; readonly hello: Hello; readonly session: string }
  | { readonly at: "challenge" }
  | { readonly at: "live"; readonly session: GatewaySession }
  | { readonly at: "ended" };

/** One socket from its first byte; once it is proven, its frames go to the session. */
class Handshake implements Peer {
  readonly #tenant: string;
  readonly #socket: Socket;
  readonly #ports: GatewayEndPorts;
  readonly #leave: (handshake: Handshake, identity: SessionIdentity | null) => Admission | null;
  readonly #cancelTimer: () => void;
  #state: State = { at: "hello" };
  #connector = "";

  constructor(
    tenant: string,
    socket: Socket,
    clock: Clock,
    ports: GatewayEndPorts,
    leave: (handshake: Handshake, identity: SessionIdentity | null) => Admission | null,
  ) {
    this.#tenant = tenant;
    this.#socket = socket;
    this.#ports = ports;
    this.#leave = leave;
    this.#cancelTimer = clock.after(HANDSHAKE_MS, () => this.refuse(CLOSE.timeout));
  }

  message(text: string): void {
    const state = this.#state;
    if (state.at === "ended") return;
    const live = state.at === "live";
    const frame = parseToGateway(text, live ? MAX_FRAME_BYTES : MAX_HANDSHAKE_FRAME_BYTES);
    if (live) {
      if (frame === null || !state.session.receive(frame)) state.session.end(CLOSE.malformed);
    } else if (state.at === "hello" && frame?.t === "hello") this.#hello(frame);
    else if (state.at === "proof" && frame?.t === "proof") this.#proof(state, frame.signature);
    else this.refuse(CLOSE.malformed);
  }

  closed(): void {
    if (this.#state.at === "live") this.#state.session.end(CLOSE.goingAway);
    else this.refuse(CLOSE.goingAway);
  }

  refuse(code: CloseCode): void {
    if (this.#state.at === "ended" || this.#state.at === "live") return;
    this.#state = { at: "ended" };
    this.#cancelTimer();
    this.#socket.close(code);
    const { type, tenant, connector } = {
      type: "session_refused" as const,
      tenant: this.#tenant,
      connector: this.#connector,
    };
    this.#ports.observe({ type, tenant, connector, code });
    this.#leave(this, null);
  }

  /** Known or not, revoked or not, the answer is the same: who exists is nobody's business. */
  #hello(hello: Hello): void {
    if (hello.v !== TUNNEL_VERSION) return this.refuse(CLOSE.version);
    if (hello.tenant !== this.#tenant) return this.refuse(CLOSE.unauthorized);
    this.#connector = hello.connector;
    const session = this.#ports.nonce();
    const signed = this.#ports.sign(
      this.#tenant,
      handshakeText("gateway", { ...hello, session }),
    );
    if (signed === null) return this.refuse(CLOSE.unauthorized);
    const { kid, signature } = signed;
    const text = encode({ t: "challenge", v: TUNNEL_VERSION, session, kid, signature });
    if (text === null || !this.#socket.send(text)) return this.refuse(CLOSE.goingAway);
    this.#state = { at: "proof", hello, session };
  }

  #proof(state: { readonly hello: Hello; readonly session: string }, signature: string): void {
    const { hello, session } = state;
    const record = this.#ports.connector(hello.tenant, hello.connector);
    const text = handshakeText("connector", { ...hello, session });
    if (record === null || record.revoked || !verifyText(record.publicKey, text, signature)) {
      return this.refuse(CLOSE.unauthorized);
    }
    const { tenant, connector } = hello;
    const { network, tier } = record;
    const admission = this.#leave(this, { tenant, connector, network, tier, session });
    if (admission === null) return;
    if ("session" in admission) this.#begin(admission.session);
    else if ("refused" in admission) this.refuse(admission.refused);
    else {
      this.#state = { at: "challenge" };
      void admission.decided.then((begin) => {
        if (this.#state.at !== "challenge") return;
        if (begin === null) this.refuse(CLOSE.duplicate);
        else this.#begin(begin());
      });
    }
  }

  #begin(session: GatewaySession): void {
    this.#cancelTimer();
    this.#state = { at: "live", session };
  }
}

function better(one: GatewaySession, other: GatewaySession): boolean {
  return one.fresh === other.fresh ? one.inFlight < other.inFlight : one.fresh;
}

/** Ids hold no line break, so no two lists of them meet in one key. */
function key(...parts: readonly string[]): string {
  return parts.join("\n");
}
