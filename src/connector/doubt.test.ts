import { describe, expect, it } from "vitest";
import { FakeClock, FakeSocket, settle, testKey } from "../tunnel/testing.ts";
import { signText } from "../tunnel/keys.ts";
import { handshakeText } from "../tunnel/protocol.ts";
import type { Dialled } from "./dial.ts";
import { isHalfOpen } from "./doubt.ts";
import { connectorKey, gatewayKey, NONCE, OF, SESSION } from "./testing-end.ts";

/** A silent session, and another socket that a test answers by hand. */
class Doubt {
  readonly clock = new FakeClock();
  readonly socket = new FakeSocket();
  readonly heard = new AbortController();
  readonly dialled: Dialled = {
    socket: this.socket,
    onmessage: () => undefined,
    onclose: () => undefined,
  };
  readonly found: boolean[] = [];
  stop: AbortSignal | null = null;

  constructor(dialled: Promise<Dialled | null> | null = null) {
    const identity = {
      ...{ tenant: "acme", connector: "con_1", gatewayKeys: [gatewayKey.jwk] },
      sign: (text: string) => signText(connectorKey.privateKey, text),
    };
    const ports = {
      dial: (stop: AbortSignal) => {
        this.stop = stop;
        return dialled ?? Promise.resolve(this.dialled);
      },
      nonce: () => NONCE,
      clock: this.clock,
    };
    void isHalfOpen(identity, ports, this.heard.signal).then((yes) => this.found.push(yes));
  }

  async challenge(key = gatewayKey): Promise<this> {
    await settle();
    const { kid } = gatewayKey.jwk;
    const signature = signText(key.privateKey, handshakeText("gateway", OF));
    const frame = { t: "challenge", v: 1, session: SESSION, kid, signature, chain: [] };
    this.dialled.onmessage(JSON.stringify(frame));
    await settle();
    return this;
  }
}

describe("a socket on which nothing comes", () => {
  it("is half open where the gateway proves itself elsewhere, and still nothing comes", async () => {
    const doubt = await new Doubt().challenge();
    await doubt.clock.pass(500);
    expect(doubt.found).toEqual([]);
    await doubt.clock.pass(1);
    expect(doubt.found).toEqual([true]);
    // A proof would make a second session of this key.
    expect(doubt.socket.sent.map(({ t }) => t)).toEqual(["hello"]);
    expect(doubt.socket.closedWith).toBe(1_000);
    expect(doubt.clock.pending).toBe(0);
  });

  it.each([0, 499, 500])("is not where something comes %i ms after that", async (ms) => {
    const doubt = await new Doubt().challenge();
    await doubt.clock.pass(ms);
    doubt.heard.abort();
    await doubt.clock.pass(5_000);
    expect(doubt.found).toEqual([false]);
    expect(doubt.clock.pending).toBe(0);
  });

  it("is not where something comes before the gateway answers elsewhere: it stood still", async () => {
    const doubt = new Doubt();
    await settle();
    doubt.heard.abort();
    await doubt.challenge();
    await doubt.clock.pass(5_000);
    expect(doubt.found).toEqual([false]);
    expect(doubt.socket.closedWith).toBe(1_000);
  });

  it("is not for anybody who cannot prove the gateway's key", async () => {
    const doubt = await new Doubt().challenge(testKey());
    await doubt.clock.pass(5_000);
    expect(doubt.found).toEqual([false]);
    const other = new Doubt();
    await settle();
    other.dialled.onmessage('{"t":"welcome","now":1,"epoch":0}');
    await other.clock.pass(5_000);
    expect(other.found).toEqual([false]);
  });

  it("is not where nobody answers, until the lease ends", async () => {
    const silent = new Doubt();
    await silent.clock.pass(2_499);
    expect([silent.stop?.aborted, silent.found]).toEqual([false, []]);
    await silent.clock.pass(1);
    expect([silent.stop?.aborted, silent.found]).toEqual([true, [false]]);
    expect(silent.socket.closedWith).toBe(1_000);
    const nobody = new Doubt(Promise.resolve(null));
    const closed = new Doubt();
    await settle();
    closed.dialled.onclose();
    const full = new Doubt();
    full.socket.open = false;
    await settle();
    expect([nobody.found, closed.found, full.found]).toEqual([[false], [false], [false]]);
  });
});
