import { fixedKeys, type KeySource } from "../sdk/verify.ts";
import { type Ed25519Jwk, thumbprint } from "../tunnel/keys.ts";
import type { Log } from "./log.ts";

/** Makes the keys durable for the next start. */
export type KeepKeys = (keys: readonly Ed25519Jwk[]) => Promise<void>;

/**
 * The gateway's keys that this connector believes: those it was enrolled with, or what a gateway
 * that proved one of them said last.
 */
export class TrustedKeys implements KeySource, Iterable<Ed25519Jwk> {
  readonly #keep: KeepKeys;
  readonly #log: Log;
  #keys: readonly Ed25519Jwk[];
  #source: KeySource;
  #kept: string;
  #keeping: Promise<void> = Promise.resolve();

  constructor(keys: readonly Ed25519Jwk[], keep: KeepKeys, log: Log) {
    this.#keep = keep;
    this.#log = log;
    this.#keys = keys;
    this.#source = sourceOf(keys);
    this.#kept = namesOf(keys);
  }

  [Symbol.iterator](): Iterator<Ed25519Jwk> {
    return this.#keys[Symbol.iterator]();
  }

  ringFor(kid: string | null, now: number): ReturnType<KeySource["ringFor"]> {
    return this.#source.ringFor(kid, now);
  }

  /** Believed in this very turn, the others not any more; written down after it. */
  replace(keys: readonly Ed25519Jwk[]): void {
    this.#keys = keys;
    this.#source = sourceOf(keys);
    // Without a single key nobody could ever prove to us that there is a new one.
    if (keys.length > 0) this.#keeping = this.#keeping.then(() => this.#write(keys));
  }

  /** Whatever was learned is on disk, or could not be written. */
  settled(): Promise<void> {
    return this.#keeping;
  }

  async #write(keys: readonly Ed25519Jwk[]): Promise<void> {
    const names = namesOf(keys);
    if (names === this.#kept) return;
    try {
      await this.#keep(keys);
      this.#kept = names;
      this.#log("info", "gateway_keys_kept", { keys: keys.length });
    } catch {
      // Believed all the same: the gateway says them again when the next session begins.
      this.#log("error", "gateway_keys_not_kept", { keys: keys.length });
    }
  }
}

function sourceOf(keys: readonly Ed25519Jwk[]): KeySource {
  return fixedKeys({ keys: keys.map((key) => ({ ...key, kid: thumbprint(key), alg: "EdDSA" })) });
}

function namesOf(keys: readonly Ed25519Jwk[]): string {
  return keys.map(thumbprint).sort().join(" ");
}
