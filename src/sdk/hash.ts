const UTF8 = new TextEncoder();

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return UTF8.encode(text);
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  let hex = "";
  for (const byte of await sha256(bytes)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
