import { BlockList, isIP } from "node:net";

/** Addresses of one family from a prefix on: `10.0.0.0/8`. */
export interface Range {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/**
 * No name leads here, whatever ranges its destination lists: link-local and what clouds keep their
 * metadata under, this host's wildcard, multicast, and IPv4 behind NAT64. A name is data of whoever
 * runs the DNS; an operator who means such an address writes the address.
 */
const never = listOf([
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "255.255.255.255",
  "100.100.100.200",
  "192.0.0.192",
  "::",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::254",
]);

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890): what is not the public internet. */
const special = listOf([
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "240.0.0.0/4",
  // Inside of 2000::/3: protocols, documentation, and IPv4 in another coat.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
]);
const unicast6 = listOf(["2000::/3"]);

export function isNever(address: string): boolean {
  return within(never, address);
}

export function isPublic(address: string): boolean {
  if (isNever(address) || within(special, address)) return false;
  return isIP(address) === 4 || within(unicast6, address);
}

export function within(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** One address, or a range in CIDR form; null: neither. */
export function parseRange(text: string): Range | null {
  const [address = "", bits, more] = text.split("/");
  const version = isIP(address);
  // A zone belongs to one machine; IPv4 in IPv6 would be a second spelling of one range.
  if (version === 0 || more !== undefined || /[%]|:.*\./.test(address)) return null;
  const longest = version === 4 ? 32 : 128;
  if (bits !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bits)) return null;
  const prefix = bits === undefined ? longest : Number(bits);
  return prefix > longest ? null : { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

export function blockList(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges) list.addSubnet(address, prefix, family);
  return list;
}

function listOf(texts: readonly string[]): BlockList {
  return blockList(texts.map(parseRange).filter((one) => one !== null));
}
