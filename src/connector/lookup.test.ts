import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { LookupAddress } from "node:dns";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isPublic, parseRange } from "./addresses.ts";
import { Reach } from "./lookup.ts";
import { networkFailure } from "./network-failure.ts";
import { dnsAnswer } from "./testing-dns.ts";

describe("what is not the public internet", () => {
  it.each([
    ...["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1"],
    ...["127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192"],
    ...["192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"],
    ...["203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
    ...["::", "::1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::8.8.8.8", "64:ff9b::a9fe:a9fe"],
    ...["64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:a9fe:a9fe::1", "3fff::1"],
    ...["fc00::1", "fd12::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1"],
  ])("%s", (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each(["8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.32.0.0", "2606::1"])(
    "and %s is",
    (address) => {
      expect(isPublic(address)).toBe(true);
    },
  );
});

describe("a range", () => {
  it.each([
    ["10.0.0.0/8", { address: "10.0.0.0", prefix: 8, family: "ipv4" }],
    ["10.1.2.3", { address: "10.1.2.3", prefix: 32, family: "ipv4" }],
    ["fd12::/16", { address: "fd12::", prefix: 16, family: "ipv6" }],
    ["0.0.0.0/0", { address: "0.0.0.0", prefix: 0, family: "ipv4" }],
  ])("is %s", (text, range) => {
    expect(parseRange(text)).toEqual(range);
  });

  it.each([
    ...["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/", "fd12::/129"],
    ...[
      "10.0.0",
      "010.0.0.1",
      "0x0a.0.0.1",
      "167772161",
      "localhost",
      "fe80::1%eth0",
      "::ffff:1.2.3.4",
    ],
  ])("is not %s", (text) => {
    expect(parseRange(text)).toBeNull();
  });
});

describe("where a name leads", () => {
  const server = createSocket("udp4");
  const records = new Map<string, readonly string[]>();
  let asked = 0;
  let servers: readonly string[];
  beforeAll(async () => {
    server.on("message", (question, { port, address }) => {
      asked++;
      server.send(
        dnsAnswer(question, (name) => records.get(name) ?? []),
        port,
        address,
      );
    });
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    servers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
  });
  afterAll(() => void server.close());

  function find(
    name: string,
    ranges: readonly string[] | null,
  ): Promise<readonly string[] | string> {
    const reach = new Reach(ranges?.map((one) => parseRange(one)!) ?? null, servers);
    return new Promise((resolve) => {
      reach.lookup(name, { all: true }, (error, found) => {
        if (error !== null) resolve(networkFailure(error));
        else resolve((found as LookupAddress[]).map(({ address }) => address).toSorted());
      });
    });
  }

  it.each<[string, readonly string[], readonly string[] | null, readonly string[] | string]>([
    ["a public address", ["93.184.216.34"], null, ["93.184.216.34"]],
    ["both families", ["93.184.216.34", "2606::1"], null, ["2606::1", "93.184.216.34"]],
    ["a private address", ["10.20.0.7"], null, "destination_ip_prohibited"],
    ["one that the list names", ["10.20.0.7"], ["10.20.0.0/24"], ["10.20.0.7"]],
    ["its neighbour", ["10.20.1.7"], ["10.20.0.0/24"], "destination_ip_prohibited"],
    [
      "the public internet, where the list names another",
      ["8.8.8.8"],
      ["10.0.0.0/8"],
      "destination_ip_prohibited",
    ],
    [
      "a good one beside a bad one",
      ["10.20.0.7", "10.9.0.1"],
      ["10.20.0.0/24"],
      "destination_ip_prohibited",
    ],
    [
      "a good one beside a bad one of the other family",
      ["10.20.0.7", "::1"],
      ["10.20.0.0/24"],
      "destination_ip_prohibited",
    ],
    [
      "metadata, though the list names everything",
      ["169.254.169.254"],
      ["0.0.0.0/0"],
      "destination_ip_prohibited",
    ],
    ["metadata behind NAT64", ["64:ff9b::a9fe:a9fe"], ["::/0"], "destination_ip_prohibited"],
    ["metadata in another coat", ["::ffff:a9fe:a9fe"], ["::/0"], "destination_ip_prohibited"],
    ["nowhere", [], null, "dns_error"],
  ])("%s", async (_, addresses, ranges, expected) => {
    records.set("svc.internal", addresses);
    expect(await find("svc.internal", ranges)).toEqual(expected);
  });

  it("localhost is this machine, and nobody is asked", async () => {
    const before = asked;
    expect(await find("localhost", null)).toEqual(["127.0.0.1", "::1"]);
    expect(await find("LOCALHOST", ["10.0.0.0/8"])).toBe("destination_ip_prohibited");
    expect(asked).toBe(before);
  });

  it("a name server that is not there is a fault of names, not of the service", async () => {
    const gone = createSocket("udp4");
    gone.bind(0, "127.0.0.1");
    await once(gone, "listening");
    const { port } = gone.address() as AddressInfo;
    await new Promise<void>((resolve) => gone.close(() => resolve()));
    const reach = new Reach(null, [`127.0.0.1:${port}`]);
    const error = await new Promise<unknown>((resolve) =>
      reach.lookup("svc.internal", {}, resolve),
    );
    expect(networkFailure(error)).toBe("dns_error");
  });
});

describe("the name of a network failure", () => {
  it.each([
    ["ECONNREFUSED", "connection_refused"],
    ["UND_ERR_CONNECT_TIMEOUT", "connection_timeout"],
    ["ENOTFOUND", "dns_error"],
    ["POSTERN_IP_PROHIBITED", "destination_ip_prohibited"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls_certificate_error"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls_certificate_error"],
    ["UND_ERR_SOCKET", "connection_terminated"],
    ["toString", "connection_terminated"],
  ])("is taken from its code: %s", (code, name) => {
    expect(networkFailure(Object.assign(new Error("ENOTFOUND"), { code }))).toBe(name);
  });

  it("survives anything that is thrown", () => {
    for (const thrown of [null, undefined, "ECONNREFUSED", 5, {}, { code: 5 }]) {
      expect(networkFailure(thrown)).toBe("connection_terminated");
    }
  });
});
