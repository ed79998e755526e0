import { MAX_FRAME_BYTES, MAX_OBSERVED_BYTES } from "../tunnel/protocol.ts";

export interface FramedBody {
  readonly encoding: "utf8" | "base64";
  readonly body: string;
}

/** The rest of an answer frame: its members, and what was observed before and after a change. */
const FRAME_OVERHEAD_BYTES = 4_096 + 2 * MAX_OBSERVED_BYTES;
/** Text of this size fits into a frame even if every character has to be escaped. */
const ALWAYS_FITS_BYTES = Math.floor(MAX_FRAME_BYTES / 6) - FRAME_OVERHEAD_BYTES;

const TEXTUAL = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml)\b)/i;
const OTHER_CHARSET = /;\s*charset\s*=\s*"?(?!utf-?8\b|us-ascii\b)/i;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text as text where it decodes and fits. */
export function framedBytes(bytes: Buffer, contentType: string): FramedBody {
  if (TEXTUAL.test(contentType) && !OTHER_CHARSET.test(contentType)) {
    try {
      return framedText(utf8.decode(bytes));
    } catch {
      // Not UTF-8, whatever its header says.
    }
  }
  return { encoding: "base64", body: bytes.toString("base64") };
}

/** Text that is mostly quotes and escapes grows in a JSON frame; base64 grows by a third only. */
export function framedText(text: string): FramedBody {
  const bytes = Buffer.byteLength(text);
  if (bytes <= ALWAYS_FITS_BYTES || fits(text)) return { encoding: "utf8", body: text };
  return { encoding: "base64", body: Buffer.from(text).toString("base64") };
}

function fits(text: string): boolean {
  return Buffer.byteLength(JSON.stringify(text)) <= MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES;
}
