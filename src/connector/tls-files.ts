import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Tls, TlsMaterial } from "./tls.ts";

/** Files of PEM, absolute: whom to believe there, and who we are. */
export interface TlsPaths {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
export type TlsPart = keyof TlsPaths;

export type ReadTls =
  | { readonly ok: true; readonly material: TlsMaterial }
  /** `unusable`: no readable files of PEM of that kind; none of them: the key is of another certificate. */
  | { readonly ok: false; readonly unusable: readonly TlsPart[] };

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const PARTS: readonly TlsPart[] = ["ca", "cert", "key"];

export function readTlsFiles(paths: TlsPaths): ReadTls {
  const material: { [part in TlsPart]?: string } = {};
  const unusable: TlsPart[] = [];
  for (const part of PARTS) {
    const path = paths[part];
    if (path === undefined) continue;
    const pem = readPem(path, part);
    if (pem === null) unusable.push(part);
    else material[part] = pem;
  }
  const { cert, key } = material;
  const foreign =
    cert !== undefined &&
    key !== undefined &&
    !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  return unusable.length > 0 || foreign ? { ok: false, unusable } : { ok: true, material };
}

/**
 * What the files hold whenever somebody asks. Between two files of a renewal, or while there are none, what
 * was good before: if that is over, the other end says so.
 */
export function following(paths: TlsPaths, first: TlsMaterial): Tls {
  let last = first;
  return () => {
    const read = readTlsFiles(paths);
    if (read.ok && PARTS.some((part) => read.material[part] !== last[part])) last = read.material;
    return last;
  };
}

function readPem(path: string, part: TlsPart): string | null {
  try {
    const pem = readFileSync(path, "utf8");
    if (part === "key") createPrivateKey(pem);
    else checkCertificates(pem);
    return pem;
  } catch {
    return null;
  }
}

function checkCertificates(pem: string): void {
  const found = pem.match(PEM) ?? [];
  if (found.length === 0) throw new TypeError("no certificate");
  for (const one of found) new X509Certificate(one);
}
