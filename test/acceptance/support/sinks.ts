import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Something in which a secret may have ended up. */
export interface Sink {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every file of these folders, database and write-ahead log included. */
export function sinksIn(folders: readonly string[]): Sink[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => lstatSync(path).isFile())
      .map((path) => ({ name: path, bytes: readFileSync(path) })),
  );
}

/** Where which of these secrets stands: as it is, or as hex or base64 of some longer text. */
export function tracesOf(secrets: readonly string[], sinks: readonly Sink[]): string[] {
  const found: string[] = [];
  for (const { name, bytes } of sinks) {
    const text = bytes.toString("latin1");
    for (const secret of secrets) {
      if (spellings(secret).some((spelling) => text.includes(spelling))) {
        found.push(`${secret.slice(0, 16)}… in ${name}`);
      }
    }
  }
  return found;
}

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Base64 spells a text in three ways, depending on where it begins; the edges belong to others.
  const base64 = [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return shifted.slice(offset === 0 ? 0 : 4, -4);
  });
  return [secret, bytes.toString("hex"), ...base64];
}
