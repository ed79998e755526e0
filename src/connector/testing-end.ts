import { expect } from "vitest";
import { FakeClock, FakeSocket, testKey, type TestKey } from "../tunnel/testing.ts";
import { type Ed25519Jwk, signText } from "../tunnel/keys.ts";
import { handshakeText, type ConnectorAnswer, type SeenState } from "../tunnel/protocol.ts";
import { type Voucher, voucherText } from "../tunnel/vouch.ts";
import { ConnectorEnd, type EndReason, type Job } from "./end.ts";

export const gatewayKey = testKey();
export const connectorKey = testKey();
export const SESSION = "5e".repeat(16);
export const NONCE = "cd".repeat(32);
export const OF = { tenant: "acme", connector: "con_1", nonce: NONCE, session: SESSION };

export const done: Extract<ConnectorAnswer, { ok: true }> = {
  ok: true,
  status: 200,
  contentType: "text/plain",
  encoding: "utf8",
  body: "x",
  truncated: false,
};

export class World {
  readonly clock = new FakeClock();
  readonly socket = new FakeSocket();
  readonly jobs: { job: Job; answer: (answer: ConnectorAnswer) => void }[] = [];
  readonly questions: ((state: SeenState) => void)[] = [];
  readonly began: string[] = [];
  readonly ended: EndReason[] = [];
  readonly silences: AbortSignal[] = [];
  readonly keys: (readonly Ed25519Jwk[])[] = [];
  readonly next = testKey();
  /** False: its disk is full. */
  keeps = true;
  /** What it was told of its key, and to do. */
  readonly told: ("rotated" | "drain")[] = [];
  readonly end: ConnectorEnd;

  constructor(trusted: readonly Ed25519Jwk[] = [gatewayKey.jwk]) {
    this.end = new ConnectorEnd(
      {
        tenant: "acme",
        connector: "con_1",
        gatewayKeys: trusted,
        sign: (text) => signText(connectorKey.privateKey, text),
      },
      this.socket,
      this.clock,
      {
        serve: (job) => new Promise((answer) => this.jobs.push({ job, answer })),
        seen: (call) =>
          new Promise((answer) => {
            if (call === "call_slow") this.questions.push(answer);
            else answer(call === "call_1" ? "started" : "never");
          }),
        nonce: () => NONCE,
        keys: (keys) => this.keys.push(keys),
        rotate: (text) => {
          const { kty, crv, x } = this.next.jwk;
          const key = { kty, crv, x };
          return Promise.resolve(
            this.keeps ? { key, signature: signText(this.next.privateKey, text) } : null,
          );
        },
        rotated: () => this.told.push("rotated"),
        drain: () => this.told.push("drain"),
        began: (session) => this.began.push(session),
        silent: (heard) => this.silences.push(heard),
        ended: (reason) => this.ended.push(reason),
      },
    );
  }

  say(frame: unknown): void {
    this.end.message(JSON.stringify(frame));
  }

  challenge(
    change: {
      kid?: string;
      v?: number;
      text?: string;
      key?: typeof gatewayKey;
      chain?: readonly Voucher[];
    } = {},
  ): void {
    const {
      kid = gatewayKey.jwk.kid,
      v = 1,
      text = handshakeText("gateway", OF),
      key = gatewayKey,
      chain = [],
    } = change;
    const signature = signText(key.privateKey, text);
    this.say({ t: "challenge", v, session: SESSION, kid, signature, chain });
  }

  live(): this {
    this.challenge();
    this.say({ t: "welcome", now: 5_000_000, epoch: 0 });
    expect(this.began).toEqual([SESSION]);
    return this;
  }

  request(id = "0", change: object = {}): void {
    this.say({
      t: "request",
      id,
      token: "token",
      operation: {
        http: { method: "GET", destination: "tickets", path: "/", query: "", contentDigest: null },
      },
      body: null,
      contentType: null,
      idempotencyKey: null,
      preview: null,
      cap: 10,
      timeoutMs: 1_000,
      ...change,
    });
  }
}

export function vouched(by: TestKey, successor: TestKey, tenant = "acme"): Voucher {
  const [from, to] = [by.jwk.x, successor.jwk.x];
  return { from, to, signature: signText(by.privateKey, voucherText(tenant, from, to)) };
}
