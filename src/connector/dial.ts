import { Agent, WebSocket } from "undici";
import { CLOSE, MAX_FRAME_BYTES } from "../tunnel/protocol.ts";
import type { Socket } from "../tunnel/socket.ts";
import { connectorOf, type Tls } from "./tls.ts";

export interface Dialled {
  readonly socket: Socket;
  /** Set before anything arrives. */
  onmessage: (text: string) => void;
  onclose: () => void;
}

/** Plain text is for this very machine: results would travel in clear. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** `https://gateway.example` → the same as a URL; null if it is none we may use. */
export function gatewayUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    return null;
  const secure = url.protocol === "https:";
  const local = url.protocol === "http:" && LOOPBACK.has(url.hostname);
  return secure || local ? url : null;
}

export function tunnelUrl(gateway: URL, tenant: string): URL {
  const url = endpoint(gateway, `${tenant}/tunnel`);
  url.protocol = gateway.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

export function enrolUrl(gateway: URL, tenant: string): URL {
  return endpoint(gateway, `${tenant}/v1/connectors/enroll`);
}

/** How the gateway is reached: verified in any case, against its own authority where one is named. */
export function gatewayAgent(tls: Tls): Agent {
  return new Agent({
    // A WebSocket begins as HTTP/1.1.
    allowH2: false,
    connect: connectorOf(tls, { allowH2: false }),
    // Its own cap of a message is 128 MiB, and it holds what it reads.
    webSocket: { maxPayloadSize: MAX_FRAME_BYTES },
  });
}

/** Null: no connection, or none in time. */
export function dial(
  url: URL,
  agent: Agent,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<Dialled | null> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve(null);
    const ws = new WebSocket(url, { dispatcher: agent });
    const giveUp = (): void => ws.close();
    const timer = setTimeout(giveUp, timeoutMs);
    stop.addEventListener("abort", giveUp, { once: true });
    const dialled: Dialled = {
      socket: socketOf(ws),
      onmessage: () => undefined,
      onclose: () => undefined,
    };
    ws.addEventListener("open", () => {
      clearTimeout(timer);
      // From here on stopping means draining first.
      stop.removeEventListener("abort", giveUp);
      resolve(dialled);
    });
    ws.addEventListener("message", ({ data }: { readonly data: unknown }) => {
      // Binary frames are not of this protocol; the codec refuses the empty text.
      dialled.onmessage(typeof data === "string" && data.length <= MAX_FRAME_BYTES ? data : "");
    });
    // Always follows an error; what the error says helps nobody but an attacker.
    ws.addEventListener("close", () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", giveUp);
      dialled.onclose();
      resolve(null);
    });
  });
}

function socketOf(ws: WebSocket): Socket {
  return {
    send(text) {
      if (ws.readyState !== WebSocket.OPEN) return false;
      ws.send(text);
      return true;
    },
    close(code) {
      // A browser's WebSocket may say 1000 or the private range only.
      if (ws.readyState <= WebSocket.OPEN) ws.close(code === CLOSE.goingAway ? 1000 : code);
    },
    buffered: () => ws.bufferedAmount,
  };
}

function endpoint(gateway: URL, path: string): URL {
  const base = gateway.pathname.endsWith("/") ? gateway.pathname : `${gateway.pathname}/`;
  return new URL(`${base}${path}`, gateway);
}
