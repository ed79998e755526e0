/** The calls that this process is carrying: whatever else is in flight was interrupted. */
export class CarriedCalls {
  readonly #calls = new Set<string>();
  #none = Promise.withResolvers<void>();

  has(call: string): boolean {
    return this.#calls.has(call);
  }

  add(call: string): void {
    this.#calls.add(call);
  }

  delete(call: string): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#none.resolve();
  }

  /** Resolves when each has begun to settle, at the latest after `ms`. */
  async gone(ms: number): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#none = Promise.withResolvers<void>();
    const timer = setTimeout(this.#none.resolve, ms);
    await this.#none.promise;
    clearTimeout(timer);
  }
}
