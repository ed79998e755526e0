import { encode, parseToConnector } from "../tunnel/frames.ts";
import {
  LEASE_MS,
  MAX_HANDSHAKE_FRAME_BYTES,
  SILENT_MS,
  TUNNEL_VERSION,
} from "../tunnel/protocol.ts";
import type { Clock } from "../tunnel/socket.ts";
import type { Dialled } from "./dial.ts";
import type { Identity } from "./end.ts";
import { gatewayFault } from "./gateway-proof.ts";

/** The gateway has sent a beat there before it answered here, or a quarter of a second earlier. */
const GRACE_MS = 500;

export interface DoubtPorts {
  /** Null: no connection, or none before `stop`. */
  dial(stop: AbortSignal): Promise<Dialled | null>;
  /** 32 random bytes, hex. */
  nonce(): string;
  readonly clock: Pick<Clock, "after">;
}

/**
 * Whether a socket that is silent is half open: the gateway proves its key on another one, and all the same
 * nothing comes on the first. A gateway that stands still answers nowhere, and keeps its session. `heard` is
 * the end of the silence. Nothing is proved of us here, so there is no second session that could clash.
 */
export async function isHalfOpen(
  identity: Identity,
  { dial, nonce, clock }: DoubtPorts,
  heard: AbortSignal,
): Promise<boolean> {
  const late = new AbortController();
  // Later than that the lease has ended anyway.
  const cancel = clock.after(LEASE_MS - SILENT_MS, () => late.abort());
  const stop = AbortSignal.any([heard, late.signal]);
  const dialled = await dial(stop);
  const proven = dialled !== null && (await answers(identity, dialled, nonce(), stop));
  cancel();
  dialled?.socket.close(1000);
  if (!proven) return false;
  await passed(clock, GRACE_MS, heard);
  // After a stall of our own, what came meanwhile is still to be read.
  await passed(clock, 1, heard);
  return !heard.aborted;
}

function answers(
  identity: Identity,
  dialled: Dialled,
  nonce: string,
  stop: AbortSignal,
): Promise<boolean> {
  const { tenant, connector } = identity;
  return new Promise((resolve) => {
    const no = (): void => resolve(false);
    dialled.onclose = no;
    dialled.onmessage = (text) => {
      const frame = parseToConnector(text, MAX_HANDSHAKE_FRAME_BYTES);
      resolve(frame?.t === "challenge" && gatewayFault(identity, nonce, frame) === null);
    };
    if (stop.aborted) no();
    stop.addEventListener("abort", no, { once: true });
    const hello = encode({ t: "hello", v: TUNNEL_VERSION, tenant, connector, nonce });
    if (hello === null || !dialled.socket.send(hello)) no();
  });
}

function passed(clock: Pick<Clock, "after">, ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve();
    const cancel = clock.after(ms, resolve);
    const stopped = (): void => {
      cancel();
      resolve();
    };
    stop.addEventListener("abort", stopped, { once: true });
  });
}
