import { beforeAll, describe, expect, it } from "vitest";
import {
  FORM_TYPE,
  type HttpOperation,
  type McpOperation,
  type SqlOperation,
} from "../core/model/operation.ts";
import { loadGrammar } from "../sql/parse.ts";
import { REFUSALS, refusalOf, sha256 } from "./allow.ts";
import type { McpDestination } from "./config.ts";
import { httpDestination } from "./testing.ts";
import { postgresDestination } from "./testing-postgres.ts";

const tickets = httpDestination({
  methods: new Set(["GET", "POST"]),
  paths: [["tickets"], ["tickets", null]],
});
const billing = postgresDestination({ statements: new Set([sha256("select 1")]) });

const vectors = { ...billing, embedding: { kind: "hashed-ngrams", dimensions: 8 } as const };
const handbook: McpDestination = {
  kind: "mcp",
  server: { command: ["/usr/bin/handbook"], env: new Map() },
  tools: new Set(["page_read"]),
  limits: { concurrency: 1, queue: 0 },
};
const plain = { body: null, contentType: null, idempotencyKey: null, preview: null };
const seal = { changes: "ab".repeat(32), etag: null, salt: "5a".repeat(16) };
const observe = { statement: "select 2", params: [], ignore: [] };
function mcp(tool = "page_read"): typeof plain & { operation: McpOperation } {
  const args = { id: 1 };
  return {
    ...plain,
    operation: { mcp: { destination: "handbook", tool, args, pin: "0".repeat(64) } },
  };
}
const watched = { mode: "write", observe } as const;
const both = { ...billing, statements: new Set(["select 1", "select 2"].map(sha256)) };

function http(
  change: Partial<HttpOperation["http"]> = {},
  body: string | null = null,
  contentType: string | null = null,
) {
  const contentDigest = body === null ? null : sha256(body);
  const of = { method: "GET", destination: "tickets", path: "/tickets", query: "", contentDigest };
  return { ...plain, operation: { http: { ...of, ...change } }, body, contentType };
}
function sql(change: Partial<SqlOperation["sql"]> = {}) {
  const of = {
    destination: "billing",
    statement: "select 1",
    params: [],
    mode: "read",
    maxRows: 1,
  } as const;
  return { operation: { sql: { ...of, ...change } }, ...plain };
}

describe("a destination for queries", () => {
  beforeAll(loadGrammar);
  const relations = new Map([["shop.order", new Set(["id", "status"])]]);
  const any = { ...billing, statements: { relations, minGroup: null, writes: new Map() } };
  const summaries = { ...billing, statements: { relations, minGroup: 5, writes: new Map() } };
  const fenced = (columns: string, rest = ""): ReturnType<typeof sql> =>
    sql({
      statement: `select ${columns} from (select "id", "status" from "shop"."order") o ${rest}`,
    });

  it("takes what stands behind a fence of its own columns", () => {
    expect(refusalOf(fenced("o.*"), any)).toBeNull();
    expect(refusalOf(fenced("count(*)", "having count(*) >= 5"), summaries)).toBeNull();
  });

  it.each([
    ["a listed column without a fence", sql({ statement: "select abs(id) from shop.order" }), any],
    [
      "a column that is not listed",
      sql({ statement: `select 1 from (select "secret" from "shop"."order") o` }),
      any,
    ],
    ["a function", fenced("pg_sleep(1)"), any],
    ["rows where groups are asked for", fenced("o.*"), summaries],
    ["groups that are too small", fenced("count(*)", "having count(*) >= 4"), summaries],
    [
      "a write",
      {
        ...fenced("o.*"),
        operation: { sql: { ...fenced("o.*").operation.sql, mode: "write" as const } },
      },
      any,
    ],
    [
      "a projection around it",
      { ...fenced("o.*"), operation: { sql: { ...fenced("o.*").operation.sql, columns: ["id"] } } },
      any,
    ],
  ])("refuses %s", (_what, frame, destination) => {
    expect(refusalOf(frame, destination)).toBe("statement_not_allowed");
  });
});

describe("a destination for writes", () => {
  beforeAll(loadGrammar);
  const relations = new Map([
    ["shop.order", new Set(["id", "status", "note"])],
    ["shop.line", new Set(["id"])],
  ]);
  const order = {
    ...{ key: ["id"], insert: new Set(["id", "status"]), update: new Set(["status"]) },
    ...{ delete: true, also: new Set(["shop.log"]), maxRows: 5 },
  };
  const writes = new Map([["shop.order", order]]);
  const clerk = { ...billing, statements: { relations, minGroup: null, writes } };
  const rows = {
    ...{ relation: "shop.order", key: ["id"], columns: ["id", "status", "note"] },
    ...{ ignore: ["note"], also: ["shop.log"] },
  };
  const update = 'update "shop"."order" set status = $1 where id = $2';
  const write = (change: object = {}): ReturnType<typeof sql> =>
    sql({
      mode: "write",
      statement: update,
      params: ["x", 1],
      maxRows: 5,
      observe: rows,
      ...change,
    });

  it.each([
    update,
    'insert into "shop"."order" (id, status) values (1, $1)',
    'delete from "shop"."order" where note is null',
  ])("takes what it lists: %s", (statement) => {
    expect(refusalOf(write({ statement }), clerk)).toBeNull();
  });

  it.each([
    ["no observation", { observe: undefined }],
    ["an observation by a query", { observe: { statement: "select 1", params: [], ignore: [] } }],
    ["more rows than it lists", { maxRows: 6 }],
    ["another key", { observe: { ...rows, key: ["status"] } }],
    ["no key", { observe: { ...rows, key: [] } }],
    ["rows of another relation", { observe: { ...rows, relation: "shop.line" } }],
    [
      "a column that it does not list",
      { observe: { ...rows, columns: [...rows.columns, "email"] } },
    ],
    ["a column twice", { observe: { ...rows, columns: [...rows.columns, "id"] } }],
    ["what it writes left out of what is seen", { observe: { ...rows, columns: ["id", "note"] } }],
    ["what it writes left out of the change", { observe: { ...rows, ignore: ["status"] } }],
    ["the key left out of the change", { observe: { ...rows, ignore: ["id"] } }],
    ["more that is written along", { observe: { ...rows, also: ["shop.log", "shop.line"] } }],
    ["a column that is not to be written", { statement: update.replace("status =", "note =") }],
    ["a relation without its schema", { statement: update.replace('"shop".', "") }],
    ["a relation that takes no writes", { statement: 'delete from "shop"."line" where id = 1' }],
    ["a condition on a column that is not listed", { statement: `${update} and email = 'x'` }],
    ["a subquery", { statement: `${update} and id in (select 1)` }],
    ["an answer of its own", { statement: `${update} returning note` }],
    ["two statements", { statement: `${update}; select 1` }],
    ["a query that calls itself a write", { statement: "select 1" }],
    ["columns picked from it", { columns: ["id"] }],
  ])("refuses %s", (_what, change) => {
    expect(refusalOf(write(change), clerk)).toBe("statement_not_allowed");
  });

  it("is the only one whose rows are observed by their key", () => {
    expect(refusalOf(write(), { ...billing, statements: "any" })).toBe("statement_not_allowed");
    expect(refusalOf(write({ mode: "read" }), clerk)).toBe("statement_malformed");
  });
});

describe("the local allow-list", () => {
  it("allows what it names", () => {
    expect(refusalOf(http(), tickets)).toBeNull();
    expect(refusalOf(http({ path: "/tickets/7", query: "a=1" }), tickets)).toBeNull();
    expect(refusalOf(http({ method: "POST" }, "{}", "application/json"), tickets)).toBeNull();
    expect(refusalOf(sql(), billing)).toBeNull();
    expect(refusalOf(sql({ statement: "anything" }), { ...billing, statements: "any" })).toBeNull();
    expect(refusalOf(sql(watched), both)).toBeNull();
    const longest = "x".repeat(8_192);
    expect(refusalOf(sql({ params: [1, longest], embed: [1] }), vectors)).toBeNull();
    expect(refusalOf({ ...sql(watched), preview: seal }, both)).toBeNull();
    const post = http({ method: "POST" }, "{}", "application/json");
    expect(refusalOf({ ...post, idempotencyKey: "call_1", preview: seal }, tickets)).toBeNull();
  });

  it.each([
    ["unknown_destination", http(), undefined],
    ["wrong_kind", http(), billing],
    ["wrong_kind", sql(), tickets],
    ["method_not_allowed", http({ method: "DELETE" }), tickets],
    ["path_not_allowed", http({ path: "/tickets/.." }), tickets],
    ["query_malformed", http({ query: "a b" }), tickets],
    [
      "body_mismatch",
      { ...http({ method: "POST" }, "{}", "application/json"), body: "{ }" },
      tickets,
    ],
    [
      "body_mismatch",
      { ...http({ method: "POST" }, "{}", "application/json"), body: null },
      tickets,
    ],
    ["body_mismatch", http({ method: "POST", contentDigest: "00" }), tickets],
    ["body_mismatch", http({}, "{}", "application/json"), tickets],
    ["body_mismatch", { ...sql(), body: "x" }, billing],
    ["content_type_mismatch", http({ method: "POST" }, "{}", null), tickets],
    ["content_type_mismatch", http({ method: "POST" }, "{}", "a/b, c/d"), tickets],
    // The same bytes, read another way, are another request.
    ["content_type_mismatch", http({ method: "POST" }, "{}", "text/plain"), tickets],
    ["content_type_mismatch", http({ method: "POST" }, "{}", "Application/JSON"), tickets],
    [
      "content_type_mismatch",
      http({ method: "POST" }, "{}", "multipart/form-data; boundary=x"),
      tickets,
    ],
    ["content_type_mismatch", http({}, null, "application/json"), tickets],
    ["content_type_mismatch", http({ method: "POST" }, "a=1", FORM_TYPE), tickets],
    [
      "content_type_mismatch",
      http({ method: "POST", contentType: FORM_TYPE }, "a=1", "application/json"),
      tickets,
    ],
    ["content_type_mismatch", http({ method: "POST", contentType: FORM_TYPE }), tickets],
    ["statement_not_allowed", sql({ statement: "select 1 " }), billing],
    [
      "statement_malformed",
      sql({ statement: "select 1\0" }),
      { ...billing, statements: "any" as const },
    ],
    ["statement_malformed", sql({ columns: [] }), billing],
    ["statement_malformed", sql({ columns: ["a\0"] }), billing],
    ["statement_malformed", sql({ ...watched, mode: "read" }), both],
    [
      "statement_malformed",
      sql({ ...watched, observe: { ...observe, statement: "select 2\0" } }),
      { ...billing, statements: "any" as const },
    ],
    ["embedding_refused", sql({ params: ["a"], embed: [0] }), billing],
    ["embedding_refused", sql({ params: ["a"], embed: [0, 0] }), vectors],
    ["embedding_refused", sql({ params: ["a"], embed: [1] }), vectors],
    ["embedding_refused", sql({ params: [7], embed: [0] }), vectors],
    ["embedding_refused", sql({ params: ["x".repeat(8_193)], embed: [0] }), vectors],
    ["embedding_refused", sql({ params: ["a"], embed: [0], mode: "write" }), vectors],
    // It would be run beside a statement that is allowed.
    ["statement_not_allowed", sql(watched), billing],
    [
      "statement_not_allowed",
      sql(watched),
      { ...billing, statements: new Set([sha256("select 2")]) },
    ],
    ["idempotency_key_refused", { ...sql(), idempotencyKey: "call_1" }, billing],
    ["preview_refused", { ...sql({ mode: "write" }), preview: seal }, billing],
    ["preview_refused", { ...sql(watched), preview: { ...seal, etag: '"v1"' } }, both],
    ["wrong_kind", mcp(), billing],
    ["wrong_kind", sql(), handbook],
    ["tool_not_allowed", mcp("page_write"), handbook],
    ["body_mismatch", { ...mcp(), body: "{}" }, handbook],
    ["idempotency_key_refused", { ...mcp(), idempotencyKey: "call_1" }, handbook],
    ["preview_refused", { ...mcp(), preview: seal }, handbook],
  ])("says %s", (refusal, frame, destination) => {
    expect(refusalOf(frame, destination)).toBe(refusal);
  });

  it("has these words, which stand in logs", () => {
    expect(REFUSALS).toEqual([
      "unknown_destination",
      "wrong_kind",
      "method_not_allowed",
      "path_not_allowed",
      "query_malformed",
      "header_not_allowed",
      "body_mismatch",
      "content_type_mismatch",
      "tool_not_allowed",
      "statement_not_allowed",
      "statement_malformed",
      "embedding_refused",
      "idempotency_key_refused",
      "preview_refused",
    ]);
  });
});
