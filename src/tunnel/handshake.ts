import type { Tier } from "../core/model/policy.ts";
import { encode, parseToGateway } from "./frames.ts";
import type { GatewaySession, SessionIdentity } from "./gateway-session.ts";
import { verifyText, type Ed25519Jwk } from "./keys.ts";
import {
  CLOSE,
  HANDSHAKE_MS,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_UNASKED_BYTES,
  TUNNEL_VERSION,
  handshakeText,
  type CloseCode,
  type Hello,
} from "./protocol.ts";
import type { Clock, Socket } from "./socket.ts";
import type { Voucher } from "./vouch.ts";

export interface ConnectorRecord {
  readonly publicKey: Ed25519Jwk;
  readonly network: string;
  readonly tier: Tier;
  readonly revoked: boolean;
}

export interface HandshakePorts {
  /** Null: unknown, or another tenant's. */
  connector(tenant: string, id: string): ConnectorRecord | null;
  /** Ed25519 with the tenant's call-token key, base64url. Null: no such tenant, or no key of it may sign. */
  sign(tenant: string, text: string): { readonly kid: string; readonly signature: string } | null;
  /** How connectors that were away find to that key, oldest first. */
  chain(tenant: string): readonly Voucher[];
  /** 16 random bytes, hex. */
  nonce(): string;
}

/** A proven connector is in, out, or has to wait for what its first session does. */
export type Admission =
  | { readonly session: GatewaySession }
  | { readonly refused: CloseCode }
  | { readonly decided: Promise<(() => GatewaySession | null) | null> };

type State =
  | { readonly at: "hello" }
  | { readonly at: "proof"; readonly hello: Hello; readonly session: string }
  | { readonly at: "challenge" }
  | { readonly at: "live"; readonly session: GatewaySession }
  | { readonly at: "ended" };

/** The register of sessions, as a handshake needs it. */
interface Register {
  /** Somebody who says to be this connector has come. */
  named(connector: string): void;
  admit(identity: SessionIdentity): Admission;
  /** Null: it became a session. */
  over(connector: string, code: CloseCode | null): void;
}

/** One socket from its first byte; once it is proven, its frames go to the session. */
export class Handshake {
  readonly #tenant: string;
  readonly #socket: Socket;
  readonly #ports: HandshakePorts;
  readonly #register: Register;
  readonly #cancelTimer: () => void;
  #state: State = { at: "hello" };
  #connector = "";

  constructor(
    tenant: string,
    socket: Socket,
    clock: Clock,
    ports: HandshakePorts,
    register: Register,
  ) {
    this.#tenant = tenant;
    this.#socket = socket;
    this.#ports = ports;
    this.#register = register;
    this.#cancelTimer = clock.after(HANDSHAKE_MS, () => this.refuse(CLOSE.timeout));
  }

  /** It holds the key of a connector, and waits for the session of before. */
  get proven(): boolean {
    return this.#state.at === "challenge";
  }

  room(): number {
    const state = this.#state;
    return state.at === "live" ? state.session.owed.room : MAX_UNASKED_BYTES;
  }

  message(text: string): void {
    const state = this.#state;
    if (state.at === "ended" || (state.at === "live" && state.session.ended)) return;
    const live = state.at === "live";
    const room = live
      ? Math.min(MAX_FRAME_BYTES, state.session.owed.room)
      : MAX_HANDSHAKE_FRAME_BYTES;
    const frame = parseToGateway(text, room);
    if (live) {
      if (frame === null || !state.session.receive(frame, text.length))
        state.session.end(CLOSE.malformed);
    } else if (state.at === "hello" && frame?.t === "hello") this.#hello(frame);
    else if (state.at === "proof" && frame?.t === "proof") this.#proof(state, frame.signature);
    else this.refuse(CLOSE.malformed);
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#state.at === "live") this.#state.session.end(CLOSE.goingAway);
    else this.refuse(CLOSE.goingAway);
  }

  refuse(code: CloseCode): void {
    if (this.#state.at === "ended" || this.#state.at === "live") return;
    this.#state = { at: "ended" };
    this.#cancelTimer();
    this.#socket.close(code);
    this.#register.over(this.#connector, code);
  }

  /** Known or not, revoked or not, the answer is the same: who exists is nobody's business. */
  #hello(hello: Hello): void {
    if (hello.v !== TUNNEL_VERSION) return this.refuse(CLOSE.version);
    if (hello.tenant !== this.#tenant) return this.refuse(CLOSE.unauthorized);
    this.#connector = hello.connector;
    const session = this.#ports.nonce();
    const signed = this.#ports.sign(this.#tenant, handshakeText("gateway", { ...hello, session }));
    if (signed === null) return this.refuse(CLOSE.unauthorized);
    const { kid, signature } = signed;
    const chain = this.#ports.chain(this.#tenant);
    this.#register.named(hello.connector);
    const text = encode({ t: "challenge", v: TUNNEL_VERSION, session, kid, signature, chain });
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
    const admission = this.#register.admit({ tenant, connector, network, tier, session });
    if ("session" in admission) this.#begin(admission.session);
    else if ("refused" in admission) this.refuse(admission.refused);
    else {
      this.#state = { at: "challenge" };
      void admission.decided.then((begin) => {
        if (this.#state.at !== "challenge") return;
        if (begin === null) return this.refuse(CLOSE.duplicate);
        // Rotated, removed or locked while the first session was asked for a sign of life.
        const now = this.#ports.connector(tenant, connector);
        if (now === null || now.revoked || now.publicKey.x !== record.publicKey.x) {
          return this.refuse(CLOSE.unauthorized);
        }
        const session = begin();
        if (session === null) return this.refuse(CLOSE.duplicate);
        this.#begin(session);
      });
    }
  }

  #begin(session: GatewaySession): void {
    this.#cancelTimer();
    this.#state = { at: "live", session };
    this.#register.over(this.#connector, null);
  }
}
