export const CONNECTOR_URL_FIX =
  "an origin without a path: https, or http to this machine or to a private address whose network encrypts";

/** A name says nothing about where it leads, so only an address makes plain text private. */
export function isConnectorUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.origin !== text) return false;
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" && isPrivate(url.hostname);
}

/**
 * Plain text is for where nobody else can listen: this machine, a VPC, a mesh. An address that was read as
 * part of a URL has one spelling left.
 */
function isPrivate(host: string): boolean {
  if (host === "[::1]" || /^\[f[cd][0-9a-f]{2}:/.test(host)) return true;
  const octets = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(host);
  if (octets === null) return false;
  const [first, second] = [Number(octets[1]), Number(octets[2])];
  return (
    first === 127 ||
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second < 128)
  );
}
