import { privateKey, signText, type Ed25519Jwk } from "../tunnel/keys.ts";
import {
  generateKey,
  promoteNextKey,
  readNextKey,
  writeNextKey,
  type PrivateJwk,
} from "./state.ts";

/**
 * The connector's own key, and the one that comes next. Between the moment in which the gateway records the
 * new one and the moment in which we hear of it either may be the one it knows us by, so both are kept, and
 * tried in turn, until a session has begun with the new one or the gateway has said so.
 */
export class OwnKey {
  readonly #dir: string;
  #key: PrivateJwk;
  #next: PrivateJwk | null;
  /** The one that is tried, or was good last, is the next one. */
  #trying = false;
  /** Changes of the folder, one after the other. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(dir: string, key: PrivateJwk, next: PrivateJwk | null) {
    this.#dir = dir;
    this.#key = key;
    this.#next = next;
  }

  static async open(dir: string, key: PrivateJwk): Promise<OwnKey> {
    return new OwnKey(dir, key, await readNextKey(dir));
  }

  sign(text: string): string {
    return signText(privateKey(this.#current()), text);
  }

  /** No session came of it: perhaps because it was the other key. */
  failed(): void {
    this.#trying = this.#next !== null && !this.#trying;
  }

  /** A session has begun with the key that was tried. */
  async began(): Promise<void> {
    if (this.#trying) await this.taken();
  }

  /** The same one until it is taken: two who ask at once must not record two, of which we keep one. */
  async offer(text: string): Promise<{ key: Ed25519Jwk; signature: string } | null> {
    return this.#inTurn(async () => {
      const next = this.#next ?? generateKey();
      if (this.#next === null) await writeNextKey(this.#dir, next);
      this.#next = next;
      const { kty, crv, x } = next;
      return { key: { kty, crv, x }, signature: signText(privateKey(next), text) };
    });
  }

  async taken(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#next === null) return;
      // If that fails, both are kept, and tried in turn.
      await promoteNextKey(this.#dir);
      this.#key = this.#next;
      this.#next = null;
      this.#trying = false;
    });
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  #current(): PrivateJwk {
    return (this.#trying ? this.#next : null) ?? this.#key;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T | null> {
    const done = this.#writing.then(act).catch(() => null);
    this.#writing = done;
    return done;
  }
}
