/** A promise that was not kept, and which. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly promise: string;

  constructor(promise: string, what: string) {
    super(`${promise}: ${what}`);
    this.promise = promise;
  }
}

export function promise(name: string, holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(name, what());
}
