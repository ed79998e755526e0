import type { Server } from "node:http";
import { createSecureContext, type Server as TlsServer } from "node:tls";
import { following, readTlsFiles } from "../../connector/tls-files.ts";
import type { TlsMaterial } from "../../connector/tls.ts";
import type { GatewayConfig, TlsFiles } from "./config.ts";
import { TLS_VERSION, type ServerTls } from "./http-server.ts";
import type { Listening } from "./listening-connectors.ts";

export class TlsUnusable extends Error {
  override readonly name = "TlsUnusable";
}

/** Strangers open connections as they like: files are looked at once in such a time. */
const LOOK_AGAIN_MS = 1_000;

export function loadTls({ cert, key }: TlsFiles): ServerTls {
  const read = readTlsFiles({ cert, key });
  if (read.ok && isUsable(read.material)) return read.material;
  throw new TlsUnusable(`${cert} and ${key} are not a certificate and its own key, in PEM`);
}

/** Certificates are renewed while we run: a connection is shown the one of its moment, or the last that fits. */
export function renewing(
  server: Server,
  files: TlsFiles,
  first: ServerTls,
  elapsed: () => number,
): void {
  const encrypted = server as unknown as TlsServer;
  const current = following(files, first);
  let shown: TlsMaterial = first;
  let lookedAt = elapsed();
  // Before the listener that begins the handshake.
  encrypted.prependListener("connection", () => {
    if (elapsed() - lookedAt < LOOK_AGAIN_MS) return;
    lookedAt = elapsed();
    const now = current();
    // Set again, the same one would end what clients may resume.
    if (now === shown || !isUsable(now)) return;
    shown = now;
    encrypted.setSecureContext({ ...now, ...TLS_VERSION });
  });
}

/** The connectors that each tenant's gateway dials, with their certificates. */
export function loadListening(
  tenants: GatewayConfig["tenants"],
): ReadonlyMap<string, readonly Listening[]> {
  return new Map(
    Object.entries(tenants).map(([tenant, { connectors }]) => [
      tenant,
      connectors.map(({ origin, tls: paths }) => {
        const read = readTlsFiles(paths);
        if (read.ok) return { origin, tls: following(paths, read.material) };
        const files = read.unusable.map((part) => paths[part]).join(", ");
        throw new TlsUnusable(
          files === ""
            ? `${paths.cert} and ${paths.key} are not a certificate and its own key`
            : `not readable, or not PEM of that kind: ${files}`,
        );
      }),
    ]),
  );
}

function isUsable(material: TlsMaterial): material is ServerTls {
  try {
    createSecureContext({ ...material });
    return material.cert !== undefined && material.key !== undefined;
  } catch {
    return false;
  }
}
