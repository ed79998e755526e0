import { decrypt, encrypt } from "./workflow-key.ts";

export class KeyUnusable extends Error {
  override readonly name = "KeyUnusable";
}

/** Wraps and unwraps keys at rest; each at its named place only. */
export class Wrapping {
  readonly #key: Buffer;
  /** True when the key was made by us and lies beside what it wraps. */
  readonly local: boolean;

  constructor(key: Buffer, local: boolean) {
    if (key.length !== 32) {
      throw new KeyUnusable(
        "the wrapping key must be 32 bytes, base64: make one with `openssl rand -base64 32`",
      );
    }
    this.#key = key;
    this.local = local;
  }

  wrap(place: string, key: Buffer): Buffer {
    return encrypt(this.#key, place, key);
  }

  /** Null: not wrapped under this key for this place. */
  tryUnwrap(place: string, wrapped: Uint8Array): Buffer | null {
    return decrypt(this.#key, place, wrapped);
  }

  unwrap(place: string, wrapped: Uint8Array): Buffer {
    const key = this.tryUnwrap(place, wrapped);
    if (key === null) {
      throw new KeyUnusable(
        `the key at ${place} does not open under this wrapping key: give the one the data folder was made with`,
      );
    }
    return key;
  }
}
