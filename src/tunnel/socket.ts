/** What both ends need of a connection: the protocol is tested without a network. */
export interface Socket {
  /** False: provably not handed to the network. */
  send(text: string): boolean;
  close(code: number): void;
  /** Bytes handed over that the network has not taken yet. */
  buffered(): number;
}

/** Injected, so that leases are tested without waiting for them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds: leases and deadlines must not follow a wall clock that jumps. */
  elapsed(): number;
  /** Runs once; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}
