import type { LookupAddress } from "node:dns";
import { lookup as systemLookup, Resolver } from "node:dns/promises";
import { callbackify } from "node:util";
import type { BlockList, LookupFunction } from "node:net";
import { blockList, isNever, isPublic, type Range, within } from "./addresses.ts";

export const PROHIBITED_CODE = "POSTERN_IP_PROHIBITED";
const RESOLVER_TIMEOUT_MS = 2_000;
const RESOLVER_TRIES = 2;
/** RFC 6761 §6.3: never asked of anybody. */
const LOCALHOST: readonly LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];
const loopback = blockList([
  { address: "127.0.0.0", prefix: 8, family: "ipv4" },
  { address: "::1", prefix: 128, family: "ipv6" },
]);

type Found = readonly [LookupAddress, ...LookupAddress[]];

/**
 * Where the name of one destination may lead. The answer is checked here and connected to right away:
 * there is no second look-up to rebind. One address outside spoils all of them, because whoever put it
 * there may have put the others.
 */
export class Reach {
  readonly #ranges: BlockList | null;
  readonly #resolver: Resolver | null;

  /** `ranges` null: the public internet. `servers` empty: whoever the system asks. */
  constructor(ranges: readonly Range[] | null = null, servers: readonly string[] = []) {
    this.#ranges = ranges === null ? null : blockList(ranges);
    this.#resolver = servers.length === 0 ? null : resolverOf(servers);
  }

  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#answer(hostname, (error, found) => {
      if (error !== null) return callback(error, "", 4);
      const [first] = found;
      if (options.all === true) return callback(null, [...found]);
      return callback(null, first.address, first.family);
    });
  };

  /** Its callback stands outside of the promise: what it throws is not taken for a failed look-up. */
  readonly #answer = callbackify((name: string) => this.#find(name.toLowerCase()));

  async #find(name: string): Promise<Found> {
    const local = name === "localhost";
    const found = local ? LOCALHOST : await this.#ask(name);
    const ranges = this.#ranges ?? (local ? loopback : null);
    const allowed = (address: string): boolean =>
      ranges === null ? isPublic(address) : within(ranges, address) && !isNever(address);
    const [first, ...others] = found;
    if (first === undefined) throw Object.assign(new Error("no address"), { code: "ENOTFOUND" });
    if (found.every(({ address }) => allowed(address))) return [first, ...others];
    throw Object.assign(new Error("address prohibited"), { code: PROHIBITED_CODE });
  }

  async #ask(name: string): Promise<readonly LookupAddress[]> {
    const resolver = this.#resolver;
    if (resolver === null) return systemLookup(name, { all: true });
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = answers.flatMap((answer, at) => {
      const family = at === 0 ? 4 : 6;
      // A refused connection to a name server is no refused connection to the service.
      if (answer.status === "rejected") return [];
      return answer.value.map((address) => ({ address, family }));
    });
    return found;
  }
}

function resolverOf(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: RESOLVER_TIMEOUT_MS, tries: RESOLVER_TRIES });
  resolver.setServers(servers);
  return resolver;
}
