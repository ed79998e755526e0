import { lookup } from "node:dns";
import { BlockList, type LookupFunction } from "node:net";

/**
 * Addresses no name of an allow-listed service may resolve to: cloud metadata (link-local), this
 * host's wildcard, multicast, and the same behind NAT64. A name is data of whoever runs the DNS; an
 * operator who means such an address writes the address.
 */
const prohibited = new BlockList();
prohibited.addSubnet("0.0.0.0", 8, "ipv4");
prohibited.addSubnet("169.254.0.0", 16, "ipv4");
prohibited.addSubnet("224.0.0.0", 4, "ipv4");
prohibited.addAddress("255.255.255.255", "ipv4");
prohibited.addAddress("::", "ipv6");
prohibited.addSubnet("fe80::", 10, "ipv6");
prohibited.addSubnet("ff00::", 8, "ipv6");
prohibited.addSubnet("64:ff9b::", 96, "ipv6");
/** The metadata address of a large cloud, outside of the link-local range. */
prohibited.addAddress("fd00:ec2::254", "ipv6");

export const PROHIBITED_CODE = "POSTERN_IP_PROHIBITED";

export function isProhibited(address: string, family: number): boolean {
  return prohibited.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** The answer is checked here and connected to right away: there is no second look-up to rebind. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) return callback(error, "", 4);
    if (addresses.some(({ address, family }) => isProhibited(address, family))) {
      const refusal = Object.assign(new Error("address prohibited"), { code: PROHIBITED_CODE });
      return callback(refusal, "", 4);
    }
    if (options.all === true) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};
