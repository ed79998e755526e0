import { createHmac, hash } from "node:crypto";

/** SHA-256, hex, in full: a store or cache keyed by less has been confused before. */
export function sha256Hex(text: string): string {
  return hash("sha256", text);
}

/** Parts are joined by a byte that none of them can hold, so that no two lists give one digest. */
export function digestOf(...parts: readonly string[]): string {
  return sha256Hex(parts.map((part) => `${part.length}:${part}`).join(""));
}

export function hmacHex(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}
