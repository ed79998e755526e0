import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Place } from "./config.ts";
import type { Reader } from "./reader.ts";
import type { TlsMaterial } from "./tls.ts";

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** `{ "ca", "cert", "key" }`, files of PEM: whom to believe there, and who we are. */
export function readTls(reader: Reader, { folder }: Place): TlsMaterial {
  const members = reader.members(["ca", "cert", "key"]);
  const file = (name: string, check: (pem: string) => void): string | undefined => {
    const member = members.get(name);
    const path = member?.string(/^[^\0]+$/, "a file of PEM");
    if (member === undefined || !path) return undefined;
    try {
      const pem = readFileSync(resolve(folder, path), "utf8");
      check(pem);
      return pem;
    } catch {
      member.wrong("invalid_value", "this is no readable file of PEM of that kind");
      return undefined;
    }
  };
  const ca = file("ca", checkCertificates);
  const cert = file("cert", checkCertificates);
  const key = file("key", (pem) => void createPrivateKey(pem));
  if (members.has("cert") !== members.has("key")) {
    reader.wrong("missing_key", 'a client certificate needs both "cert" and "key"');
  }
  if (cert !== undefined && key !== undefined) {
    const matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    if (!matches)
      members.get("key")?.wrong("invalid_value", "this is the key of another certificate");
  }
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
  };
}

/** Null: not readable, or no certificate in it. */
export function readCertificates(path: string): string | null {
  try {
    const pem = readFileSync(path, "utf8");
    checkCertificates(pem);
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
