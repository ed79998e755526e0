import { BlockList, isIP } from "node:net";

export const CONNECTOR_URL_FIX =
  "an origin without a path: https, or http to this machine or to a private address whose network encrypts";

/** Plain text is for where nobody else can listen: this machine, a VPC, a mesh. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet("127.0.0.0", 8, "ipv4");
PRIVATE.addSubnet("10.0.0.0", 8, "ipv4");
PRIVATE.addSubnet("172.16.0.0", 12, "ipv4");
PRIVATE.addSubnet("192.168.0.0", 16, "ipv4");
PRIVATE.addSubnet("100.64.0.0", 10, "ipv4");
PRIVATE.addAddress("::1", "ipv6");
PRIVATE.addSubnet("fc00::", 7, "ipv6");

/** A name says nothing about where it leads, so only an address makes plain text private. */
export function isConnectorUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.origin !== text) return false;
  if (url.protocol === "https:") return true;
  if (url.protocol !== "http:") return false;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(host);
  return family !== 0 && PRIVATE.check(host, family === 6 ? "ipv6" : "ipv4");
}
