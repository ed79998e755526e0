/** How long a key document counts as fresh: a withdrawn key is refused within this time. */
export const KEY_DOCUMENT_LIFE_MS = 10 * 60_000;
/** An invented `kid` must not turn us into a hammer on the publisher. */
const COOLDOWN_MS = 30_000;

export interface KeyRing<K> {
  readonly byKid: ReadonlyMap<string, K>;
  /** The key of a set with exactly one; the only case in which a token may leave `kid` out. */
  readonly only: K | null;
}

export function findKey<K>(ring: KeyRing<K>, kid: string | null): K | undefined {
  return kid === null ? (ring.only ?? undefined) : ring.byKid.get(kid);
}

/** Keys that somebody else publishes. Null: they cannot be had now, so nothing can be verified. */
export class KeyCache<K> {
  readonly #load: () => Promise<KeyRing<K> | null>;
  #ring: KeyRing<K> | null = null;
  #loadedAt = -Infinity;
  #triedAt = -Infinity;
  #loading: Promise<void> | null = null;

  constructor(load: () => Promise<KeyRing<K> | null>) {
    this.#load = load;
  }

  /** `now` in milliseconds; only its differences matter. */
  async ringFor(kid: string | null, now: number): Promise<KeyRing<K> | null> {
    const stale = now - this.#loadedAt >= KEY_DOCUMENT_LIFE_MS || now < this.#loadedAt;
    const unknown = this.#ring === null || findKey(this.#ring, kid) === undefined;
    if (stale || unknown) await this.#refresh(now);
    const old = now - this.#loadedAt >= KEY_DOCUMENT_LIFE_MS || now < this.#loadedAt;
    return old ? null : this.#ring;
  }

  async #refresh(now: number): Promise<void> {
    if (this.#loading === null) {
      if (now - this.#triedAt < COOLDOWN_MS && now >= this.#triedAt) return;
      this.#triedAt = now;
      this.#loading = this.#fetch(now);
    }
    await this.#loading;
  }

  async #fetch(now: number): Promise<void> {
    try {
      const ring = await this.#load();
      if (ring !== null) {
        this.#ring = ring;
        this.#loadedAt = now;
      }
    } finally {
      this.#loading = null;
    }
  }
}
