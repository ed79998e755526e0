import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { thumbprint, type Ed25519Jwk } from "./keys.ts";
import type { Clock, Socket } from "./socket.ts";

/** Time that moves only when a test says so. */
export class FakeClock implements Clock {
  #elapsed = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return 1_790_000_000_000 + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#elapsed + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** Time goes by, and nothing runs. */
  stall(ms: number): void {
    this.#elapsed += ms;
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Runs what is due in order, and lets promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((one) => one.at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.run();
      await settle();
    }
    this.#elapsed = end;
    await settle();
  }
}

/** Records what one end says; a test plays the other end by hand. */
export class FakeSocket implements Socket {
  readonly sent: Record<string, unknown>[] = [];
  closedWith: number | null = null;
  open = true;
  bufferedBytes = 0;

  send(text: string): boolean {
    if (!this.open) return false;
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
    return true;
  }

  close(code: number): void {
    this.closedWith ??= code;
    this.open = false;
  }

  buffered(): number {
    return this.bufferedBytes;
  }

  /** Frames of one type, oldest first. */
  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame["t"] === type);
  }
}

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly jwk: Ed25519Jwk & { readonly kid: string; readonly alg: "EdDSA" };
}

export function testKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const jwk = { kty: "OKP", crv: "Ed25519", x } as const;
  return { privateKey, jwk: { ...jwk, kid: thumbprint(jwk), alg: "EdDSA" } };
}

/** A turn of the event loop: every promise that can settle has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
