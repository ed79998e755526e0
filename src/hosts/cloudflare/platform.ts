/** As much of the platform's types as is used: all of them would clash with those of the DOM. */
export interface ObjectState {
  /** The name goes with every object that was found by one. */
  readonly id: { readonly name?: string };
  readonly storage: ObjectStorage;
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>;
  waitUntil(promise: Promise<unknown>): void;
}

export interface ObjectStorage {
  readonly sql: {
    exec(
      query: string,
      ...values: readonly (null | number | string | ArrayBuffer)[]
    ): Iterable<{ readonly [column: string]: unknown }>;
  };
  transactionSync<T>(run: () => T): T;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
}

export interface Objects<T> {
  getByName(name: string): Stub<T>;
}

/** Another object, or a Worker behind a binding: each method is a message. */
export type Stub<T> = Fetcher & {
  readonly [name in keyof T as T[name] extends Method ? name : never]: T[name] extends (
    ...args: infer Args
  ) => infer Answer
    ? (...args: Args) => Promise<Awaited<Answer>>
    : never;
};

export interface Fetcher {
  fetch(input: string | Request, init?: RequestInit): Promise<Response>;
}

type Method = (...args: never[]) => unknown;
