import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { Reach } from "./lookup.ts";
import { MISTAKE_CODES } from "./reader.ts";
import { publicTls } from "./tls.ts";

const env = { TICKETS_KEY: "key", BILLING_PASSWORD: "secret", EVIL: "a\r\nx: y", EMPTY: "" };
const PATH = "/etc/postern/connector.jsonc";
const DIGEST = "ab".repeat(32);

const good = `{
  // what may be reached
  "network": "acme",
  "tier": "confidential",
  "stateDir": "./state",
  "destinations": {
    "tickets": {
      "kind": "http",
      "origin": "http://127.0.0.1:4010",
      "methods": ["GET", "POST"],
      "paths": ["/tickets", "/tickets/{id}"],
      "headers": { "Authorization": { "env": "TICKETS_KEY" } },
    },
    "billing": {
      "kind": "postgres",
      "host": "/run/postgresql",
      "database": "billing",
      "user": "postern",
      "password": { "env": "BILLING_PASSWORD" },
      "role": "support_reader",
      "statements": ["${DIGEST}"],
    },
  },
}`;

const withStatements = (text: string) => readConfig(good.replace(`["${DIGEST}"]`, text), PATH, env);

describe("what may be written", () => {
  const relations = '"relations": { "s.bill": ["id", "status"], "s.line": ["id"] }';
  const writes = (bill: string): string => `{ ${relations}, "writes": { "s.bill": ${bill} } }`;

  it("is listed by relation, and nothing else is", () => {
    const all = `{ "key": ["id"], "insert": ["id"], "update": ["status"], "delete": true, "also": ["s.log"], "maxRows": 100 }`;
    const read = withStatements(writes(all));
    const found = read.ok ? read.config.destinations.get("billing") : undefined;
    expect(found).toMatchObject({
      statements: {
        writes: new Map([
          [
            "s.bill",
            {
              ...{ key: ["id"], insert: new Set(["id"]), update: new Set(["status"]) },
              ...{ delete: true, also: new Set(["s.log"]), maxRows: 100 },
            },
          ],
        ]),
      },
    });
    const none = withStatements(writes('{ "key": ["id"], "delete": true, "maxRows": 1 }'));
    expect(none).toMatchObject({ ok: true });
  });

  it.each([
    ["no key", writes('{ "update": ["status"], "maxRows": 1 }')],
    ["an empty key", writes('{ "key": [], "update": ["status"], "maxRows": 1 }')],
    ["a key that is not read", writes('{ "key": ["nr"], "update": ["status"], "maxRows": 1 }')],
    ["a key that changes", writes('{ "key": ["id"], "update": ["id"], "maxRows": 1 }')],
    ["a column that is not read", writes('{ "key": ["id"], "insert": ["sum"], "maxRows": 1 }')],
    ["nothing", writes('{ "key": ["id"], "delete": false, "maxRows": 1 }')],
    ["no limit", writes('{ "key": ["id"], "update": ["status"] }')],
    [
      "more rows than anybody is shown",
      writes('{ "key": ["id"], "delete": true, "maxRows": 101 }'),
    ],
    [
      "something unseen without a schema",
      writes('{ "key": ["id"], "delete": true, "also": ["log"], "maxRows": 1 }'),
    ],
    [
      "a relation that is not read",
      `{ ${relations}, "writes": { "s.log": { "key": ["id"], "delete": true, "maxRows": 1 } } }`,
    ],
    [
      "rows where only groups are told",
      `{ ${relations}, "minGroup": 5, "writes": { "s.bill": { "key": ["id"], "delete": true, "maxRows": 1 } } }`,
    ],
  ])("may not be %s", (_what, text) => {
    expect(withStatements(text)).toMatchObject({ ok: false });
  });
});

describe("connector.jsonc", () => {
  it("reads, with comments, defaults and secrets from the environment", () => {
    const read = readConfig(good, PATH, env);
    expect(read).toMatchObject({
      ok: true,
      config: { network: "acme", tier: "confidential", stateDir: "/etc/postern/state" },
    });
    if (!read.ok) return;
    expect(read.config.destinations.get("tickets")).toEqual({
      kind: "http",
      origin: "http://127.0.0.1:4010",
      methods: new Set(["GET", "POST"]),
      paths: [["tickets"], ["tickets", null]],
      headers: expect.any(Map),
      requestHeaders: new Set(),
      reach: expect.any(Reach),
      tls: publicTls,
      limits: { concurrency: 64, queue: 256 },
    });
    const tickets = read.config.destinations.get("tickets");
    const headers = tickets?.kind === "http" ? [...tickets.headers] : [];
    expect(headers.map(([name, { value }]) => [name, value])).toEqual([["authorization", "key"]]);
    expect(read.config.destinations.get("billing")).toEqual({
      kind: "postgres",
      host: "/run/postgresql",
      port: 5432,
      tls: false,
      database: "billing",
      user: "postern",
      password: expect.objectContaining({ value: "secret" }),
      reach: expect.any(Reach),
      limits: { concurrency: 4, queue: 256 },
      role: "support_reader",
      statements: new Set([DIGEST]),
      connections: 4,
      embedding: null,
    });
  });

  it.each([
    ["a list of tiers", '"tier": ["internal", "critical"]', ["invalid_value"]],
    ["a tier twice", '"tier": "internal", "tier": "critical"', ["duplicate_key"]],
    ["tiers beside the tier", '"tier": "internal", "tiers": ["critical"]', ["unknown_key"]],
    ["every tier", '"tier": "*"', ["invalid_value"]],
  ])("has room for one tier a process: not for %s", (_name, tier, codes) => {
    const text = `{ "network": "acme", ${tier}, "stateDir": "./s", "destinations": {} }`;
    const read = readConfig(text, PATH, env);
    expect(read.ok ? [] : read.mistakes.map(({ code }) => code)).toEqual(codes);
  });

  it("leaves no room for a tier of a single destination", () => {
    const read = readConfig(
      good.replace('"kind": "http",', '"kind": "http", "tier": "critical",'),
      PATH,
      env,
    );
    expect(read).toMatchObject({
      mistakes: [{ at: "destinations.tickets.tier", code: "unknown_key" }],
    });
  });

  it("lets requests set the headers it names, and none that is a secret's, ours or the message's", () => {
    const config = (names: readonly string[]): string =>
      JSON.stringify({
        ...{ network: "acme", tier: "internal", stateDir: "./state" },
        destinations: {
          tickets: {
            ...{ kind: "http", origin: "http://127.0.0.1:4010", methods: ["GET"], paths: ["/x"] },
            headers: { "x-key": { env: "TICKETS_KEY" } },
            requestHeaders: names,
          },
        },
      });
    const read = readConfig(config(["X-Api-Version", "cookie"]), PATH, env);
    const tickets = read.ok ? read.config.destinations.get("tickets") : undefined;
    expect(tickets).toMatchObject({ requestHeaders: new Set(["x-api-version", "cookie"]) });
    for (const name of [
      ...["authorization", "host", "content-length", "txn-token", "postern-x", "X-Key"],
      ...["a b", "a:b", "transfer-encoding", "if-match", "forwarded", "x-envoy-retry-on"],
      // They lead past "methods" and "paths", or to somebody else.
      ...["X-HTTP-Method-Override", "x-method-override", "X-Original-URL", "x-rewrite-url"],
      ...["x-forwarded-user", "x-real-ip"],
    ]) {
      const refused = readConfig(config([name]), PATH, env);
      expect(refused.ok ? name : refused.mistakes.map(({ code }) => code)).toEqual([
        "invalid_value",
      ]);
    }
  });

  it("reports every mistake at once, with line and fix", () => {
    const bad = `{
  "netwrok": "acme",
  "tier": "confidental",
  "stateDir": 5,
  "destinations": {
    "Tickets": {
      "kind": "http",
      "origin": "http://user@127.0.0.1:4010/path",
      "methods": ["GTE"],
      "paths": ["/tickets/../x", "tickets"],
      "headers": {
        "host": { "env": "TICKETS_KEY" }, "If-Match": { "env": "TICKETS_KEY" }, "Idempotency-Key": { "env": "TICKETS_KEY" },
        "authorization": "Bearer secret",
        "x-a": { "env": "MISSING" },
        "x-b": { "env": "EVIL" }
      }
    },
    "billing": {
      "kind": "postgres",
      "host": "db.internal",
      "port": 0,
      "database": "billing",
      "password": { "env": "EMPTY" },
      "statements": "all"
    },
    "docs": { "kind": "ftp" },
    "docs": { "kind": "http" }
  }
}`;
    const read = readConfig(bad, PATH, env);
    expect(read.ok).toBe(false);
    if (read.ok) return;
    expect(read.mistakes.map(({ line, at, code }) => `${line} ${at} ${code}`)).toEqual([
      "1  missing_key",
      "2 netwrok unknown_key",
      "3 tier invalid_value",
      "4 stateDir wrong_type",
      "6 destinations.Tickets invalid_value",
      "8 destinations.Tickets.origin invalid_value",
      "9 destinations.Tickets.methods[0] invalid_value",
      "10 destinations.Tickets.paths[0] invalid_value",
      "10 destinations.Tickets.paths[1] invalid_value",
      "12 destinations.Tickets.headers.host invalid_value",
      "12 destinations.Tickets.headers.If-Match invalid_value",
      "12 destinations.Tickets.headers.Idempotency-Key invalid_value",
      "13 destinations.Tickets.headers.authorization wrong_type",
      "14 destinations.Tickets.headers.x-a.env env_missing",
      "15 destinations.Tickets.headers.x-b.env invalid_value",
      "18 destinations.billing missing_key",
      "18 destinations.billing missing_key",
      "21 destinations.billing.port invalid_value",
      "23 destinations.billing.password.env env_missing",
      "24 destinations.billing.statements invalid_value",
      "26 destinations.docs.kind invalid_value",
      "27 destinations.docs duplicate_key",
    ]);
    const fixes = read.mistakes.map(({ fix }) => fix);
    expect(fixes[1]).toBe('did you mean "network"?');
    expect(fixes[2]).toContain('did you mean "confidential"?');
    expect(fixes.join("\n")).not.toContain("Bearer");
  });

  it("asks for TLS to be decided where the database is another machine", () => {
    const remote = good.replace("/run/postgresql", "db.internal");
    expect(readConfig(remote, PATH, env)).toMatchObject({
      ok: false,
      mistakes: [{ at: "destinations.billing", code: "missing_key" }],
    });
    const said = remote.replace('"database"', '"tls": true, "database"');
    expect(readConfig(said, PATH, env).ok).toBe(true);
    expect(readConfig(good.replace("/run/postgresql", "127.0.0.1"), PATH, env).ok).toBe(true);
  });

  it("takes any statement only when that is said", () => {
    const any = readConfig(good.replace(`["${DIGEST}"]`, '"any"'), PATH, env);
    expect(any.ok && any.config.destinations.get("billing")).toMatchObject({ statements: "any" });
    expect(readConfig(good.replace(`"statements": ["${DIGEST}"],`, ""), PATH, env).ok).toBe(false);
  });

  it("takes queries of the columns that it lists, of groups where it says so", () => {
    const given = (statements: string): ReturnType<typeof readConfig> =>
      readConfig(good.replace(`["${DIGEST}"]`, statements), PATH, env);
    const relations = '"relations": { "shop.order": ["id", "status"] }';
    const listed = new Map([["shop.order", new Set(["id", "status"])]]);
    for (const [text, minGroup] of [
      [`{ ${relations} }`, null],
      [`{ ${relations}, "minGroup": 3 }`, 3],
    ] as const) {
      const read = given(text);
      expect(read.ok && read.config.destinations.get("billing")).toMatchObject({
        statements: { relations: listed, minGroup, writes: new Map() },
      });
    }
    for (const text of [
      "{}",
      `{ ${relations}, "minGroup": 2 }`,
      `{ ${relations}, "mode": "write" }`,
      '{ "relations": { "order": ["id"] } }',
      '{ "relations": { "shop.order": "id" } }',
      '{ "relations": { "shop.order": ["order"] } }',
    ]) {
      expect(given(text).ok).toBe(false);
    }
  });

  it("survives what is no object, no JSON, or nothing", () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '"x"',
      '{"destinations": []}',
      '{"destinations": {"a": 1}}',
    ]) {
      const read = readConfig(text, PATH, env);
      expect(read.ok).toBe(false);
      if (!read.ok) expect(read.mistakes.length).toBeGreaterThan(0);
    }
  });

  it("has these codes, which tools read", () => {
    expect(MISTAKE_CODES).toEqual([
      "not_jsonc",
      "duplicate_key",
      "unknown_key",
      "missing_key",
      "wrong_type",
      "invalid_value",
      "env_missing",
      "secret_unreadable",
    ]);
  });
});
