import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "undici";
import { HANDSHAKE_MS } from "../tunnel/protocol.ts";
import { backoffMs } from "./backoff.ts";
import { dial } from "./dial.ts";
import { type DoubtPorts, isHalfOpen } from "./doubt.ts";
import type { ConnectorEnd } from "./end.ts";
import { newNonce, sessionOn, type SessionParts, systemClock } from "./session.ts";

/** One session after the other, with growing pauses while the gateway does not answer. */
export class Dialler {
  readonly #parts: SessionParts;
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #stop = new AbortController();
  readonly #dialling: Promise<void>;
  #end: ConnectorEnd | null = null;

  constructor(parts: SessionParts, url: URL, agent: Agent) {
    this.#parts = parts;
    this.#url = url;
    this.#agent = agent;
    this.#dialling = this.#run();
  }

  /** Finishes what is under way, for `ms` at most. */
  async stop(ms: number): Promise<void> {
    this.#stop.abort();
    const end = this.#end;
    if (end !== null) await drained(end, ms);
    await this.#dialling;
    await this.#agent.destroy();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      // A gateway that restarts twice in a row has let us in between: nobody waits longer for that.
      failures = (await this.#session()) ? 0 : failures + 1;
      const pause = backoffMs(failures, Math.random());
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when it is over: whether it ever began. */
  async #session(): Promise<boolean> {
    const { signal } = this.#stop;
    // Dialling stops at once; a session that runs is drained first.
    const dialled = await dial(this.#url, this.#agent, HANDSHAKE_MS, signal);
    if (dialled === null || signal.aborted) {
      dialled?.socket.close(1000);
      this.#parts.service.log("info", "gateway_unreachable", {});
      return false;
    }
    return new Promise((resolve) => {
      const end: ConnectorEnd = sessionOn(this.#parts, dialled.socket, {
        silent: (heard) => void this.#doubt(end, heard),
        over: (began) => {
          this.#end = null;
          resolve(began);
        },
      });
      this.#end = end;
      dialled.onmessage = (text) => end.message(text);
      dialled.onclose = () => end.closed();
    });
  }

  /** What is under way there is lost, as with any lost socket: only where nothing else would come of it. */
  async #doubt(end: ConnectorEnd, heard: AbortSignal): Promise<void> {
    this.#parts.service.log("info", "gateway_silent", {});
    const ports: DoubtPorts = {
      dial: (stop) => dial(this.#url, this.#agent, HANDSHAKE_MS, stop),
      nonce: newNonce,
      clock: systemClock,
    };
    if (await isHalfOpen(this.#parts.identity, ports, heard)) end.giveUp();
  }
}

export async function drained(end: ConnectorEnd, ms: number): Promise<void> {
  const late = new AbortController();
  await Promise.race([
    end.drain(),
    sleep(ms, undefined, { signal: late.signal }).catch(() => undefined),
  ]);
  late.abort();
  end.stop();
}
