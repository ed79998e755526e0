import { readFileSync } from "node:fs";
import { type Schema, Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import type { Mistake } from "./reader.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

interface Part {
  readonly properties: { readonly [name: string]: Part };
  readonly required?: readonly string[];
  readonly anyOf: readonly Part[];
  readonly additionalProperties: Part;
  readonly default?: unknown;
  readonly type?: string;
  readonly minimum: number;
  readonly maximum: number;
}
const schema = JSON.parse(read("schema/connector.schema.json")) as Part & {
  readonly $defs: { readonly [name: string]: Part };
};
const { http, postgres, mcp, tls, secret } = schema.$defs as { [name: string]: Part };
const guarded = postgres!.properties["statements"]!.anyOf[2]!;
const [local, endpoint] = postgres!.properties["embedding"]!.anyOf as [Part, Part];

const key = { env: "KEY" };
const DESTINATIONS = {
  http: { kind: "http", origin: "https://a.internal", methods: ["GET"], paths: ["/"] },
  postgres: {
    ...{ kind: "postgres", host: "127.0.0.1", database: "d", user: "u", password: key },
    statements: "any",
  },
  mcp: { kind: "mcp", url: "https://a.internal/mcp", tools: ["a"] },
} as const;
const WRITE = { key: ["c"], delete: true, maxRows: 1 };
const VECTORS = {
  local: { kind: "hashed-ngrams", dimensions: 8 },
  endpoint: { kind: "endpoint", dimensions: 8, url: "https://m.internal/e", model: "m" },
} as const;

function file(it: object, more: object = {}): object {
  const base = { network: "acme", tier: "internal", stateDir: "./state" };
  return { ...base, destinations: { it }, ...more };
}

function mistakes(value: object): readonly Mistake[] {
  const result = readConfig(JSON.stringify(value), "/etc/postern/connector.jsonc", { KEY: "k" });
  return result.ok ? [] : result.mistakes;
}

const withHttp = (more: object): object => file({ ...DESTINATIONS.http, ...more });
const withPostgres = (more: object): object => file({ ...DESTINATIONS.postgres, ...more });

/** Each object of the file: its part of the schema, and a file that has these members in its place. */
const OBJECTS: readonly (readonly [string, Part, (members: object) => object])[] = [
  ["the file", schema, (members) => members],
  ["http", http!, (members) => file({ kind: "http", ...members })],
  ["postgres", postgres!, (members) => file({ kind: "postgres", ...members })],
  ["mcp", mcp!, (members) => file({ kind: "mcp", url: "https://a.internal", ...members })],
  ["tls", tls!, (members) => withHttp({ tls: members })],
  ["secret", secret!, (members) => withHttp({ headers: { a: members } })],
  ["statements", guarded, (members) => withPostgres({ statements: members })],
  [
    "writes",
    guarded.properties["writes"]!.additionalProperties,
    (members) =>
      withPostgres({ statements: { relations: { "a.b": [] }, writes: { "a.b": members } } }),
  ],
  [
    "hashed-ngrams",
    local,
    (members) => withPostgres({ embedding: { kind: "hashed-ngrams", ...members } }),
  ],
  [
    "endpoint",
    endpoint,
    (members) => withPostgres({ embedding: { kind: "endpoint", ...members } }),
  ],
];

describe("connector.jsonc and its schema for editors", () => {
  it.each(OBJECTS)("know the same members: %s", (_, { properties }, place) => {
    const told = mistakes(place({ zzqqzz: 1 })).find(({ code }) => code === "unknown_key");
    const known = told?.fix.split("known: ")[1]?.split(", ") ?? [];
    expect(known.toSorted()).toEqual(Object.keys(properties).toSorted());
  });

  it.each(OBJECTS)("ask for the same members: %s", (_, { required = [] }, place) => {
    const missing = mistakes(place({})).flatMap(({ fix }) => /^add "(\w+)"/.exec(fix)?.[1] ?? []);
    expect(missing.toSorted()).toEqual(required.filter((name) => name !== "kind").toSorted());
  });

  const numbers = [
    ...(["http", "postgres", "mcp"] as const).flatMap((kind) =>
      integersOf(schema.$defs[kind]!, (member) => file({ ...DESTINATIONS[kind], ...member })),
    ),
    ...integersOf(guarded, (member) => withPostgres({ statements: { relations: {}, ...member } })),
    ...integersOf(guarded.properties["writes"]!.additionalProperties, (member) =>
      withPostgres({
        statements: { relations: { "a.b": ["c"] }, writes: { "a.b": { ...WRITE, ...member } } },
      }),
    ),
    ...integersOf(local, (member) => withPostgres({ embedding: { ...VECTORS.local, ...member } })),
    ...integersOf(endpoint, (member) =>
      withPostgres({ embedding: { ...VECTORS.endpoint, ...member } }),
    ),
  ];
  it.each(numbers)("take the same numbers: %s from %i to %i", (name, from, to, place) => {
    for (const value of [from, to]) expect(mistakes(place({ [name]: value }))).toEqual([]);
    for (const value of [from - 1, to + 1, from + 0.5]) {
      const codes = mistakes(place({ [name]: value })).map(({ code }) => code);
      expect(codes, String(value)).toEqual(["invalid_value"]);
    }
  });

  it("leave the same things out", () => {
    const result = readConfig(
      JSON.stringify({ ...file({}), destinations: DESTINATIONS }),
      "/etc/postern/connector.jsonc",
      { KEY: "k" },
    );
    const found = result.ok ? result.config.destinations : new Map<string, never>();
    const limits = (kind: string) => found.get(kind)?.limits;
    const said = (part: Part | undefined, name: string): unknown => part?.properties[name]?.default;
    expect(limits("http")).toEqual({
      concurrency: said(http, "concurrency"),
      queue: said(http, "queue"),
    });
    expect(limits("mcp")).toEqual({
      concurrency: said(mcp, "concurrency"),
      queue: said(mcp, "queue"),
    });
    expect(limits("postgres")).toEqual({
      concurrency: said(postgres, "connections"),
      queue: said(postgres, "queue"),
    });
    expect(found.get("postgres")).toMatchObject({ port: said(postgres, "port") });
    expect(found.get("http")).toMatchObject({ requestHeaders: new Set() });
    expect(said(http, "requestHeaders")).toEqual([]);
  });

  it("accept the same files, and refuse the same mistakes", () => {
    const accepts = (value: unknown): boolean =>
      new Validator(schema as unknown as Schema, "2020-12").validate(value).valid;
    const good = [
      { ...file({}), destinations: DESTINATIONS },
      withPostgres({ embedding: VECTORS.endpoint, statements: { relations: { "a.b": ["c"] } } }),
      file({ kind: "mcp", command: ["/usr/bin/it"], env: { A: "b", B: key }, tools: [] }),
      withHttp({ headers: { authorization: key }, tls: {}, addresses: ["10.0.0.0/8"] }),
    ];
    for (const value of good) {
      expect(mistakes(value)).toEqual([]);
      expect(accepts(value)).toBe(true);
    }
    for (const value of [
      withHttp({ headers: { authorization: "written here" } }),
      withHttp({ headers: { authorization: { ...key, file: "too" } } }),
      withHttp({ methods: ["TRACE"] }),
      file({ ...DESTINATIONS.mcp, command: ["/usr/bin/it"] }),
      file({ kind: "ftp" }),
      file(DESTINATIONS.http, { tier: "secret" }),
    ]) {
      expect(mistakes(value)).not.toEqual([]);
      expect(accepts(value)).toBe(false);
    }
  });
});

function integersOf(part: Part, place: (member: object) => object) {
  return Object.entries(part.properties)
    .filter(([, { type }]) => type === "integer")
    .map(([name, { minimum, maximum }]) => [name, minimum, maximum, place] as const);
}
