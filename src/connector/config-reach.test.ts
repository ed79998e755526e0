import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

function mistakesOf(destination: object, root: object = {}): readonly string[] {
  const http = { kind: "http", methods: ["GET"], paths: ["/"] };
  const file = {
    ...{ network: "acme", tier: "internal", stateDir: "state", ...root },
    destinations: { it: { ...("host" in destination ? {} : http), ...destination } },
  };
  const read = readConfig(JSON.stringify(file), "/etc/postern/connector.jsonc", { DB: "secret" });
  return read.ok ? [] : read.mistakes.map(({ at, code }) => `${at} ${code}`);
}
const database = {
  ...{ kind: "postgres", database: "d", user: "u", password: { env: "DB" } },
  ...{ statements: "any", tls: false },
};

describe("the origin of a destination", () => {
  it.each([
    ...["http://127.0.0.1:4010", "http://127.0.0.1:4010/", "https://tickets.internal"],
    ...["https://tickets.internal:443", "http://tickets.internal:80", "https://Tickets.Internal"],
    ...["http://[fd12::7]:8080", "http://localhost:1", "https://xn--bcher-kva.example"],
  ])("may be %s", (origin) => {
    expect(mistakesOf({ origin })).toEqual([]);
  });

  it.each([
    // Loopback and metadata, as some resolver or C library reads them.
    ...["http://2130706433", "http://0x7f000001", "http://0x7f.1", "http://0177.0.0.1"],
    ...["http://127.1", "http://127.0.1", "http://0", "http://2852039166", "http://0xa9fea9fe"],
    ...["http://0251.0376.0251.0376", "http://127.0.0.1.", "http://tickets.internal."],
    ...["http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[0:0:0:0:0:0:0:1]"],
    ...[
      "http://[fe80::1%25eth0]",
      "http://[fe80::1%eth0]",
      "http://１２７.0.0.1",
      "http://①②⑦.0.0.1",
    ],
    ...["http://127。0。0。1", "http://b\u00fccher.example", "http://a@127.0.0.1", "http://a:b@h"],
    ...["http://good.example#@evil.example", "http://good.example\\@evil.example", "http://a b"],
    ...["http://h/path", "http://h?x", "http://h#x", "ftp://h", "file:///etc/passwd", "//h", "h"],
    ...[
      "http:h",
      "http:/h",
      "http:///h",
      "http://h:99999",
      "http://\u00adh",
      "http://h\t",
      "http://h%2e",
    ],
  ])("may not be %j", (origin) => {
    expect(mistakesOf({ origin })).toEqual(["destinations.it.origin invalid_value"]);
  });
});

describe("the host of a database", () => {
  it.each(["127.0.0.1", "::1", "db.internal", "db_1", "/run/postgresql"])("may be %s", (host) => {
    expect(mistakesOf({ ...database, host })).toEqual([]);
  });

  it.each([
    ...[
      "2130706433",
      "0x7f.1",
      "0177.0.0.1",
      "127.1",
      "127.0.0.1.",
      "db.internal.",
      "::ffff:1.2.3.4",
    ],
    ...["fe80::1%eth0", "１２７.0.0.1", "a@b", "a b", "run/postgresql", "db:5432", "[::1]", "-h"],
  ])("may not be %j", (host) => {
    expect(mistakesOf({ ...database, host })).toEqual(["destinations.it.host invalid_value"]);
  });
});

describe("addresses and name servers", () => {
  const origin = "https://tickets.internal";
  it("are lists of addresses", () => {
    const addresses = ["10.20.0.0/24", "10.1.2.3", "fd12:3456::/64"];
    const resolvers = ["10.0.0.53", "127.0.0.1:5353", "[fd12::53]:53", "[::1]"];
    expect(mistakesOf({ origin, addresses }, { resolvers })).toEqual([]);
    expect(mistakesOf({ ...database, host: "db", addresses }, { resolvers })).toEqual([]);
  });

  it.each(["10.0.0.0/33", "10.0.0", "db.internal", "10.0.0.0/8,127.0.0.1", "fe80::1%lo"])(
    "not %s among the addresses",
    (one) => {
      const at = "destinations.it.addresses[1] invalid_value";
      expect(mistakesOf({ origin, addresses: ["10.0.0.1", one] })).toEqual([at]);
    },
  );

  it("not an empty list, which would read like all or like nothing", () => {
    expect(mistakesOf({ origin, addresses: [] })).toEqual([
      "destinations.it.addresses invalid_value",
    ]);
  });

  it.each(["ns.internal", "10.0.0.53:0", "10.0.0.53:65536", "::1", "[::1", "10.0.0.300", ""])(
    "not %j among the name servers",
    (one) => {
      expect(mistakesOf({ origin }, { resolvers: [one] })).toEqual(["resolvers[0] invalid_value"]);
    },
  );
});
