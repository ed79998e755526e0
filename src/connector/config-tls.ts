import { resolve } from "node:path";
import type { Place } from "./config.ts";
import type { Reader } from "./reader.ts";
import { following, readTlsFiles, type TlsPart } from "./tls-files.ts";
import { publicTls, type Tls } from "./tls.ts";

/** `{ "ca", "cert", "key" }`, files of PEM: whom to believe there, and who we are. */
export function readTls(reader: Reader, { folder }: Place): Tls {
  const members = reader.members(["ca", "cert", "key"]);
  const paths: { [part in TlsPart]?: string } = {};
  for (const part of ["ca", "cert", "key"] as const) {
    const path = members.get(part)?.string(/^[^\0]+$/, "a file of PEM");
    if (path) paths[part] = resolve(folder, path);
  }
  if (members.has("cert") !== members.has("key")) {
    reader.wrong("missing_key", 'a client certificate needs both "cert" and "key"');
  }
  const read = readTlsFiles(paths);
  if (read.ok) return following(paths, read.material);
  for (const part of read.unusable) {
    members.get(part)?.wrong("invalid_value", "this is no readable file of PEM of that kind");
  }
  if (read.unusable.length === 0) {
    members.get("key")?.wrong("invalid_value", "this is the key of another certificate");
  }
  return publicTls;
}
