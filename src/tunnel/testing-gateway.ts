import { expect } from "vitest";
import { GatewayEnd, type Peer, type TunnelEvent, type TunnelSignal } from "./gateway-end.ts";
import type { TunnelRequest } from "./gateway-session.ts";
import type { ConnectorRecord } from "./handshake.ts";
import { type Ed25519Jwk, signText } from "./keys.ts";
import { handshakeText } from "./protocol.ts";
import { FakeClock, FakeSocket, testKey, type TestKey } from "./testing.ts";
import type { Voucher } from "./vouch.ts";

export const gatewayKey = testKey();
export const connectorKey = testKey();
export const NONCE = "cd".repeat(32);

/** A public key as frames carry it. */
export function bare({ jwk: { kty, crv, x } }: TestKey): Ed25519Jwk {
  return { kty, crv, x };
}

export const request: TunnelRequest = {
  call: "call_1",
  token: "token",
  request: {
    operation: {
      http: {
        method: "POST",
        destination: "tickets",
        path: "/tickets",
        query: "",
        contentDigest: null,
      },
    },
    body: null,
    contentType: null,
  },
  cap: 10,
  timeoutMs: 10_000,
};

/** A gateway end with one enrolled connector, which a test plays by hand. */
export class World {
  readonly clock = new FakeClock();
  readonly events: TunnelEvent[] = [];
  readonly signals: TunnelSignal[] = [];
  readonly records = new Map<string, ConnectorRecord>();
  keys: readonly Ed25519Jwk[] = [bare(gatewayKey)];
  chain: readonly Voucher[] = [];
  #sessions = 0;
  readonly end = new GatewayEnd(
    {
      connector: (tenant, id) => this.records.get(`${tenant}/${id}`) ?? null,
      sign: (tenant, text) =>
        tenant === "acme" || tenant === "other"
          ? { kid: gatewayKey.jwk.kid, signature: signText(gatewayKey.privateKey, text) }
          : null,
      chain: () => this.chain,
      keys: () => this.keys,
      epoch: () => 7,
      nonce: () => String(++this.#sessions).padStart(32, "0"),
      signalled: (signal) => this.signals.push(signal),
      observe: (event) => this.events.push(event),
    },
    this.clock,
  );

  constructor() {
    this.enrol("con_1");
  }

  enrol(id: string, change: Partial<ConnectorRecord> = {}): void {
    this.records.set(`acme/${id}`, {
      publicKey: bare(connectorKey),
      network: "acme",
      tier: "internal",
      revoked: false,
      ...change,
    });
  }

  dial(tenant = "acme"): { socket: FakeSocket; peer: Peer; say(frame: unknown): void } {
    const socket = new FakeSocket();
    const peer = this.end.accept(tenant, socket);
    return { socket, peer, say: (frame) => peer.message(JSON.stringify(frame)) };
  }

  hello(connector = "con_1"): ReturnType<World["dial"]> {
    const dialled = this.dial();
    dialled.say({ t: "hello", v: 1, tenant: "acme", connector, nonce: NONCE });
    return dialled;
  }

  prove(dialled: ReturnType<World["dial"]>, connector = "con_1", key = connectorKey): void {
    const session = String(dialled.socket.of("challenge")[0]?.["session"]);
    const text = handshakeText("connector", { tenant: "acme", connector, nonce: NONCE, session });
    dialled.say({ t: "proof", signature: signText(key.privateKey, text) });
  }

  connect(connector = "con_1"): ReturnType<World["dial"]> {
    const dialled = this.hello(connector);
    this.prove(dialled, connector);
    expect(dialled.socket.of("welcome")).toEqual([
      { t: "welcome", now: this.clock.now(), epoch: 7 },
    ]);
    return dialled;
  }

  presenter(): { connector: string; session: string } {
    const presenter = this.end.choose("acme", "acme", "internal");
    if (presenter === null) throw new Error("nobody is there");
    return presenter;
  }
}
