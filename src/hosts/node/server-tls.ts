import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { TlsFiles } from "./config.ts";
import type { ServerTls } from "./http-server.ts";

export class TlsUnusable extends Error {
  override readonly name = "TlsUnusable";
}

/** Read once: a new certificate takes a restart. */
export function loadTls({ cert, key }: TlsFiles): ServerTls {
  const pem = { cert: read(cert), key: read(key) };
  try {
    createSecureContext(pem);
  } catch {
    throw new TlsUnusable(`${cert} and ${key} are not a certificate and its own key, in PEM`);
  }
  return pem;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new TlsUnusable(`${file} cannot be read`);
  }
}
