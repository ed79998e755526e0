/** Bounded by entries and key length: keys hold arguments, which agents choose. */
export const MAX_MEMO_ENTRIES = 4_096;
export const MAX_MEMO_KEY_CHARS = 1_024;

/** Least recently used answers leave first. A Map keeps insertion order. */
export class Memo<V> {
  readonly #most: number;
  readonly #values = new Map<string, V>();

  constructor(most: number = MAX_MEMO_ENTRIES) {
    this.#most = most;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  set(key: string, value: V): void {
    if (key.length > MAX_MEMO_KEY_CHARS) return;
    this.#values.set(key, value);
    if (this.#values.size <= this.#most) return;
    const oldest = this.#values.keys().next();
    if (oldest.done !== true) this.#values.delete(oldest.value);
  }
}
