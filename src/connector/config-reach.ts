import { isIP } from "node:net";
import { parseRange } from "./addresses.ts";
import { Reach } from "./lookup.ts";
import type { Reader } from "./reader.ts";

const SERVER = /^(?:([\d.]+)|\[([0-9a-f:]+)\])(?::([1-9]\d{0,4}))?$/i;
const ADDRESSES_FIX = 'an address or a range: "10.20.0.7", "10.20.0.0/24", "fd12:3456::/64"';

/** `addresses`: what the destination's name may resolve to. */
export function readReach(reader: Reader | undefined, servers: readonly string[]): Reach {
  if (reader === undefined) return new Reach(null, servers);
  const ranges = reader.items().map((one) => {
    const text = one.string(/./, ADDRESSES_FIX);
    return text === null ? null : (parseRange(text) ?? one.wrong("invalid_value", ADDRESSES_FIX));
  });
  if (ranges.length === 0) reader.wrong("invalid_value", "name at least one, or leave it out");
  return new Reach(
    ranges.filter((one) => one !== null),
    servers,
  );
}

/** `resolvers`: addresses of the name servers that are asked instead of the system's. */
export function readResolvers(reader: Reader | undefined): readonly string[] {
  const fix = 'the address of a name server: "10.0.0.53", "127.0.0.1:5353", "[fd12::53]:53"';
  const servers = (reader?.items() ?? []).map((one) => {
    const text = one.string(/./, fix);
    if (text === null) return null;
    const [, v4 = "", v6 = "", port = "53"] = SERVER.exec(text) ?? [];
    const valid = (isIP(v4) === 4 || isIP(v6) === 6) && Number(port) <= 65_535;
    return valid ? text : one.wrong("invalid_value", fix);
  });
  return servers.filter((one) => one !== null);
}

/** RFC 1123 labels; a last label of digits or `0x…` is read as an IPv4 address by somebody. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const NUMERIC = /^(?:\d+|0x[0-9a-f]*)$/i;

/** A name or an address as everybody reads it: one spelling, so that what is written is what is reached. */
export function isPlainHost(host: string): boolean {
  if (isIP(host) !== 0) return !/%|:.*\.|^::ffff:/i.test(host);
  const labels = host.split(".");
  if (host.length > 253 || !labels.every((label) => LABEL.test(label))) return false;
  return !NUMERIC.test(labels.at(-1) ?? "");
}
