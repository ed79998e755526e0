import { randomInt } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Connectors } from "../../gateway/ports.ts";
import type { GatewayEnd, Peer } from "../../tunnel/gateway-end.ts";
import { HANDSHAKE_MS, MAX_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES } from "../../tunnel/protocol.ts";
import type { Clock, Socket } from "../../tunnel/socket.ts";
import { Entrance } from "./entrance.ts";

const TUNNEL_PATH = /^\/([a-z][a-z0-9-]{0,31})\/tunnel$/;
/** A peer proves itself in two frames, `hello` and `proof`; their own framing is a few bytes more. */
const HANDSHAKE_FRAMES = 2;
const MAX_UNPROVEN_BYTES = (HANDSHAKE_FRAMES + 1) * MAX_HANDSHAKE_FRAME_BYTES;
/** A peer that does not take part in closing has its socket destroyed. */
const CLOSE_GRACE_MS = 1_000;

export interface TunnelServer {
  /** False: not a tunnel; the caller answers. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

/** WebSockets of an HTTP server, as sockets of the tunnel. */
export function createTunnelServer(end: GatewayEnd): TunnelServer {
  const entrance = new Entrance((count) => randomInt(Math.max(1, count)), systemClock);
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_FRAME_BYTES,
    // A kilobyte that inflates to a gigabyte would pass every cap before it.
    perMessageDeflate: false,
  });
  return {
    upgrade(request, socket, head) {
      const tenant = TUNNEL_PATH.exec(request.url ?? "")?.[1];
      if (tenant === undefined) return false;
      const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
      socket.once("close", () => clearTimeout(timer));
      entrance.enter(socket, (leave) => {
        server.handleUpgrade(request, socket, head, (ws) => {
          clearTimeout(timer);
          const peer = end.accept(tenant, socketOf(ws, socket));
          ws.on("message", (data, binary) => {
            // Binary frames are not of this protocol; the codec refuses the empty text.
            peer.message(binary ? "" : textOf(data));
          });
          // After the peer, so that a frame it refused counts for nothing.
          boundUnproven(socket, ws, leave);
          boundFrame(socket, ws, peer);
          ws.on("close", () => peer.closed());
          // The close event follows and says the same to the session.
          ws.on("error", () => ws.terminate());
        });
      });
      return true;
    },
    close() {
      end.close();
      for (const ws of server.clients) ws.terminate();
      server.close();
    },
  };
}

/**
 * A frame is handed on when it is whole, and may be as large as an answer: a stranger could have us
 * hold megabytes of one that never ends.
 */
function boundUnproven(socket: Duplex, ws: WebSocket, proven: () => void): void {
  let bytes = 0;
  let frames = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > MAX_UNPROVEN_BYTES) ws.terminate();
  };
  const trust = (): void => {
    if (++frames < HANDSHAKE_FRAMES || ws.readyState !== ws.OPEN) return;
    socket.off("data", count);
    ws.off("message", trust);
    proven();
  };
  socket.on("data", count);
  ws.on("message", trust);
}

/** A frame grows no larger than what its connector may say at this moment: an answer that was asked for. */
function boundFrame(socket: Duplex, ws: WebSocket, peer: Peer): void {
  let bytes = 0;
  ws.on("message", () => (bytes = 0));
  // Behind the parser: of a read that ends a frame all of it is counted, once, towards the next one.
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= peer.room()) return;
    // No frame: it ends the session as one that is malformed. The rest of it is not waited for.
    peer.message("");
    ws.terminate();
  });
}

/** The gateway's port, as the tunnel serves it: checked here, where both are in sight. */
export function connectorsOf(end: GatewayEnd): Connectors {
  return end;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

function socketOf(ws: WebSocket, socket: Duplex): Socket {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  return {
    send(text) {
      if (ws.readyState !== ws.OPEN) return false;
      // What one commit lets go leaves in one write: the calls of a turn, for the price of one.
      if (!corked) {
        corked = true;
        socket.cork();
        process.nextTick(uncork);
      }
      ws.send(text);
      return true;
    },
    close(code) {
      ws.close(code);
      const timer = setTimeout(() => ws.terminate(), CLOSE_GRACE_MS);
      ws.once("close", () => clearTimeout(timer));
    },
    buffered: () => ws.bufferedAmount,
  };
}

function textOf(data: Buffer | ArrayBuffer | Buffer[]): string {
  if (Buffer.isBuffer(data)) return data.toString("utf8");
  return Array.isArray(data) ? Buffer.concat(data).toString("utf8") : Buffer.from(data).toString();
}
