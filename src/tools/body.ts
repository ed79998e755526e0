import type { RawAnswer } from "../gateway/ports.ts";

/** Bytes of the body as the service sent it. */
export function sizeOf({ encoding, body }: RawAnswer): number {
  return encoding === "utf8" ? Buffer.byteLength(body) : Buffer.byteLength(body, "base64");
}

/** Null: not UTF-8, not base64, or half a surrogate pair. */
export function decodeText({ encoding, body }: RawAnswer): string | null {
  if (encoding === "utf8") return body.isWellFormed() ? body : null;
  if (!isBase64(body)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "base64"));
  } catch {
    return null;
  }
}

export function encodeBase64({ encoding, body }: RawAnswer): string | null {
  if (encoding === "base64") return isBase64(body) ? body : null;
  return body.isWellFormed() ? Buffer.from(body, "utf8").toString("base64") : null;
}

/** Buffer skips what is not base64: two readers could see different bytes. Only one form passes. */
export function isBase64(text: string): boolean {
  return Buffer.from(text, "base64").toString("base64") === text;
}

const TOKEN = "[a-z0-9][a-z0-9!#$&^_.+-]{0,126}";
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}$`);

/** Type and subtype only: the rest of the header is the service's free text. Null: malformed. */
export function mediaType(header: string): string | null {
  const essence = (header.split(";", 1)[0] ?? "").trim().toLowerCase();
  return MEDIA_TYPE.test(essence) ? essence : null;
}
