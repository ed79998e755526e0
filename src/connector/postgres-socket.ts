import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { PostgresDestination } from "./config.ts";
import { tlsOptions, type Tls } from "./tls.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** Protocol numbers of the PostgreSQL manual, "Message Formats". */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const CANCEL_REQUEST_CODE = 80_877_102;

/** A connected socket, encrypted where the configuration says so; rejects with a Node error. */
export async function openSocket(destination: PostgresDestination): Promise<Socket> {
  const { host, port } = destination;
  const plain = host.startsWith("/")
    ? connectTcp({ path: `${host}/.s.PGSQL.${port}` })
    : connectTcp({ host, port, lookup: destination.reach.lookup });
  plain.setNoDelay(true);
  await settled(plain, "connect");
  return destination.tls === false ? plain : encrypted(plain, host, destination.tls);
}

/**
 * Asks the server to stop the statement of that backend. Best effort: the socket is destroyed
 * anyway, but a server busy with a statement would notice only when it ends.
 */
export async function cancelStatement(
  destination: PostgresDestination,
  backend: { readonly pid: number; readonly secret: number },
): Promise<void> {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  message.writeInt32BE(backend.pid | 0, 8);
  message.writeInt32BE(backend.secret | 0, 12);
  try {
    const socket = await openSocket(destination);
    socket.on("error", () => undefined);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
    socket.end(message);
    socket.resume();
  } catch {
    // The statement timeout of the transaction still ends it.
  }
}

/** The server's certificate is always verified, its name, too. */
async function encrypted(plain: Socket, host: string, tls: Tls): Promise<Socket> {
  plain.write(SSL_REQUEST);
  const answer = await firstBytes(plain);
  // Exactly one byte: more was put there by somebody before encryption began (CVE-2021-23222).
  if (answer.length !== 1 || answer[0] !== 0x53) {
    plain.destroy();
    throw Object.assign(new Error("server does not encrypt"), { code: "ERR_TLS_REFUSED" });
  }
  // Of an address `host` is what the certificate is held against.
  const name = isIP(host) ? { host } : { servername: host };
  const secure = connectTls({ socket: plain, ...name, ...tlsOptions(tls()) });
  await settled(secure, "secureConnect");
  return secure;
}

function firstBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(timeout()), CONNECT_TIMEOUT_MS);
    const over = (): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("error", onError).off("close", onClose);
    };
    const onData = (bytes: Buffer): void => {
      over();
      socket.pause();
      resolve(bytes);
    };
    const onError = (error: Error): void => {
      over();
      reject(error);
    };
    const onClose = (): void => onError(new Error("closed"));
    socket.once("data", onData).once("error", onError).once("close", onClose);
  });
}

function settled(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(timeout()), CONNECT_TIMEOUT_MS);
    const onError = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", onError);
    socket.once(event, () => {
      clearTimeout(timer);
      socket.off("error", onError);
      resolve();
    });
  });
}

function timeout(): Error {
  return Object.assign(new Error("connection timed out"), { code: "CONNECT_TIMEOUT" });
}
