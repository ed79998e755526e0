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
  const search = searchFor(secrets);
  return sinks.flatMap(({ name, bytes }) => {
    const there = search(bytes);
    return secrets
      .filter((secret) => there.has(secret))
      .map((secret) => `${secret.slice(0, 16)}… in ${name}`);
  });
}

interface Spelling {
  readonly secret: string;
  readonly bytes: Buffer;
}

const WINDOW_BYTES = 4;

/**
 * Thousands of spellings in one pass: a place is looked at only where the four bytes there begin
 * one of them. One search a spelling would read every file thousands of times.
 */
function searchFor(secrets: readonly string[]): (bytes: Buffer) => ReadonlySet<string> {
  const begins = new Map<number, Spelling[]>();
  const filter = new Uint8Array(1 << 20);
  for (const secret of secrets) {
    for (const text of spellings(secret)) {
      const bytes = Buffer.from(text, "latin1");
      if (bytes.length < WINDOW_BYTES) throw new RangeError("too short to be searched for");
      const key = bytes.readUInt32BE(0);
      const there = begins.get(key);
      if (there === undefined) begins.set(key, [{ secret, bytes }]);
      else there.push({ secret, bytes });
      filter[slotOf(key)] = 1;
    }
  }
  return (bytes) => {
    const found = new Set<string>();
    let key = 0;
    for (let end = 0; end < bytes.length; end++) {
      key = ((key << 8) | bytes[end]!) >>> 0;
      if (filter[slotOf(key)] === 0 || end < WINDOW_BYTES - 1) continue;
      const start = end - WINDOW_BYTES + 1;
      for (const { secret, bytes: wanted } of begins.get(key) ?? []) {
        if (wanted.equals(bytes.subarray(start, start + wanted.length))) found.add(secret);
      }
    }
    return found;
  };
}

function slotOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 12;
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
