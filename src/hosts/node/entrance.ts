import type { Duplex } from "node:stream";
import type { Clock } from "../../tunnel/socket.ts";

/** Strangers that are proving themselves: each may hold a frame of memory, and costs two signatures. */
const MAX_INSIDE = 64;
/** Bare sockets. A region that comes back at once fits in twice. */
const MAX_WAITING = 2_048;
/** Two turns of the slowest network. Who takes longer makes room where somebody waits. */
const PATIENCE_MS = 1_000;

interface Waiting {
  readonly go: (leave: () => void) => void;
  /** From this turn on its socket is somebody else's to read. */
  readonly release: () => void;
}

/**
 * A gateway that was away gets all its connectors back in one moment. They come in a few at a time, so that
 * the calls of those who are in go on between them, and nobody is sent away to come again later. Who is
 * next, or has to go, is drawn: strangers who fill every place must not foretell it.
 */
export class Entrance {
  readonly #draw: (count: number) => number;
  readonly #clock: Pick<Clock, "after">;
  readonly #waiting = new Map<Duplex, Waiting>();
  /** Inside for longer than an honest one needs, oldest first. */
  readonly #late = new Set<Duplex>();
  #inside = 0;

  constructor(draw: (count: number) => number, clock: Pick<Clock, "after">) {
    this.#draw = draw;
    this.#clock = clock;
  }

  /** `go` runs when it is drawn, if the socket is still there then. */
  enter(socket: Duplex, go: (leave: () => void) => void): void {
    if (this.#inside < MAX_INSIDE) return this.#go(socket, go);
    if (this.#waiting.size >= MAX_WAITING) this.#drawn()?.[0].destroy();
    // Read, or nobody would see that its peer has given up: work for those would leave none for others.
    // A peer that says anything before its upgrade is answered knows no WebSocket.
    const gone = (): void => {
      this.#waiting.delete(socket);
      socket.destroy();
    };
    socket.once("data", gone).once("end", gone).once("close", gone);
    const release = (): void => {
      // It goes on flowing: a stream that was paused does not begin again for whoever listens next.
      socket.off("data", gone).off("end", gone).off("close", gone);
    };
    this.#waiting.set(socket, { go, release });
    this.#makeRoom();
  }

  #go(socket: Duplex, go: (leave: () => void) => void): void {
    this.#inside++;
    let left = false;
    // After a stall of our own, what it said meanwhile is read first.
    const cancel = this.#clock.after(PATIENCE_MS, () =>
      setImmediate(() => {
        if (left) return;
        this.#late.add(socket);
        this.#makeRoom();
      }),
    );
    const leave = (): void => {
      if (left) return;
      left = true;
      cancel();
      this.#late.delete(socket);
      this.#inside--;
      this.#next();
    };
    socket.once("close", leave);
    go(leave);
  }

  #makeRoom(): void {
    const [oldest] = this.#late;
    if (oldest === undefined || this.#waiting.size === 0) return;
    this.#late.delete(oldest);
    oldest.destroy();
  }

  #next(): void {
    if (this.#inside >= MAX_INSIDE) return;
    const [socket, waiting] = this.#drawn() ?? [];
    if (socket === undefined || waiting === undefined) return;
    waiting.release();
    this.#go(socket, waiting.go);
  }

  /** Out of the line. */
  #drawn(): readonly [Duplex, Waiting] | undefined {
    const line = [...this.#waiting];
    const drawn = line[this.#draw(line.length)];
    if (drawn !== undefined) this.#waiting.delete(drawn[0]);
    return drawn;
  }
}
