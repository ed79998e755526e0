import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encode, parseToConnector, parseToGateway } from "./frames.ts";
import {
  CLOSE,
  CONNECTOR_SIGNALS,
  MAX_BODY_BYTES,
  MAX_FRAME_BYTES,
  SEEN_STATES,
  TUNNEL_VERSION,
  handshakeText,
  type ToConnector,
  type ToGateway,
} from "./protocol.ts";

const HEX32 = "ab".repeat(32);
const SIGNATURE = "A".repeat(86);

const toGateway: ToGateway[] = [
  { t: "hello", v: 1, tenant: "acme", connector: "con_1", nonce: HEX32 },
  { t: "proof", signature: SIGNATURE },
  { t: "beat" },
  { t: "drain" },
  { t: "seen", id: "0", state: "never" },
  { t: "signal", signal: "token_replayed", call: "call_0190" },
  {
    t: "rotate",
    id: "0",
    key: { kty: "OKP", crv: "Ed25519", x: `${"A".repeat(42)}E` },
    signature: SIGNATURE,
  },
  { t: "answer", id: "0", answer: { ok: false, code: "busy", effect: "none" } },
  {
    t: "answer",
    id: "0",
    answer: { ok: false, code: "busy", effect: "none", retryAfterMs: 60_000 },
  },
  {
    t: "answer",
    id: "0",
    answer: { ok: false, code: "upstream_error", effect: "possible", status: 500 },
  },
  {
    t: "answer",
    id: "0",
    answer: {
      ok: true,
      status: 200,
      contentType: "application/json",
      encoding: "utf8",
      body: "{}",
      truncated: false,
    },
  },
];
toGateway.push({
  t: "answer",
  id: "0",
  answer: {
    ok: true,
    status: 200,
    contentType: "application/json",
    encoding: "utf8",
    body: "{}",
    truncated: false,
    observed: { before: { rows: [] }, after: { rows: [{ id: 1, note: null, tags: ["a"] }] } },
    etag: '"v1"',
  },
});
const http = {
  method: "GET",
  destination: "tickets",
  path: "/tickets",
  query: "",
  contentDigest: null,
};
const mcp = {
  destination: "handbook",
  tool: "page/read-1",
  args: { id: [1] },
  pin: "0a".repeat(32),
};
const sql = {
  destination: "billing",
  statement: "select 1",
  params: [1, "a", null, { b: [true] }],
  columns: ["a"],
  mode: "read",
  maxRows: 10,
} as const;
const observe = { statement: "select 2", params: [7], ignore: ["updated_at"] };
const byKey = {
  relation: "s.t",
  key: ["id"],
  columns: ["id", "n"],
  ignore: ["n"],
  also: ["s.log"],
};
const X = `${"A".repeat(42)}E`;
const seal = { changes: HEX32, etag: '"v1"', salt: "5a".repeat(16) };
const rest = {
  token: "t",
  body: null,
  contentType: null,
  idempotencyKey: null,
  preview: null,
  cap: 1,
  timeoutMs: 1,
};
const toConnector: ToConnector[] = [
  { t: "challenge", v: 1, session: "ab".repeat(16), kid: "k", signature: SIGNATURE, chain: [] },
  {
    ...{ t: "challenge", v: 1, session: "ab".repeat(16), kid: "k", signature: SIGNATURE },
    chain: [{ from: X, to: X, signature: SIGNATURE }],
  },
  { t: "keys", keys: [] },
  { t: "keys", keys: [{ kty: "OKP", crv: "Ed25519", x: X }] },
  { t: "welcome", now: 1, epoch: 0 },
  { t: "request", id: "0", operation: { http }, ...rest },
  { t: "request", id: "0", operation: { mcp }, ...rest },
  { t: "request", id: "0", operation: { sql }, ...rest },
  { t: "request", id: "0", operation: { sql: { ...sql, embed: [0, 1, 2, 999] } }, ...rest },
  { t: "request", id: "0", operation: { http }, ...rest, idempotencyKey: "call_1", preview: seal },
  {
    t: "request",
    id: "0",
    operation: { sql: { ...sql, mode: "write", observe } },
    ...rest,
    preview: { ...seal, etag: null },
  },
  {
    t: "request",
    id: "0",
    operation: { sql: { ...sql, mode: "write", observe: byKey } },
    ...rest,
    preview: null,
  },
  { t: "cut", id: "0" },
  { t: "beat", now: 1, epoch: 0 },
  { t: "seen", id: "0", call: "call_0190" },
  { t: "rotate", id: "0" },
  { t: "rotated", id: "0" },
  { t: "drain" },
];

describe("frames", () => {
  it.each(toGateway)("takes what it writes, to the gateway: $t", (frame) => {
    expect(parseToGateway(encode(frame) ?? "")).toEqual(frame);
    expect(parseToConnector(encode(frame) ?? "")?.t).not.toBe("answer");
  });

  it.each(toConnector)("takes what it writes, to the connector: $t", (frame) => {
    expect(parseToConnector(encode(frame) ?? "")).toEqual(frame);
  });

  it("has these names, which peers of other versions see", () => {
    expect(TUNNEL_VERSION).toBe(1);
    expect([...new Set(toGateway.map((one) => one.t))]).toEqual([
      "hello",
      "proof",
      "beat",
      "drain",
      "seen",
      "signal",
      "rotate",
      "answer",
    ]);
    expect(CONNECTOR_SIGNALS).toEqual(["token_replayed", "context_mismatch"]);
    expect([...new Set(toConnector.map((one) => one.t))]).toEqual([
      "challenge",
      "keys",
      "welcome",
      "request",
      "cut",
      "beat",
      "seen",
      "rotate",
      "rotated",
      "drain",
    ]);
    expect(SEEN_STATES).toEqual(["never", "started", "committed", "aborted", "done", "unknown"]);
    expect(CLOSE).toEqual({
      goingAway: 1001,
      malformed: 4400,
      unauthorized: 4401,
      timeout: 4408,
      duplicate: 4409,
      replaced: 4410,
      version: 4426,
    });
    expect(
      handshakeText("gateway", { tenant: "a", connector: "b", nonce: "c", session: "d" }),
    ).toBe("postern-tunnel\n1\ngateway\na\nb\nc\nd");
  });

  it.each([
    ["not JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["no type", "{}"],
    ["an unknown type", '{"t":"upgrade"}'],
    ["an inherited name as type", '{"t":"constructor"}'],
    ["a type that is no string", '{"t":1}'],
    ["an unknown member", '{"t":"beat","x":1}'],
    ["a duplicate key", '{"t":"beat","t":"drain"}'],
    ["__proto__", '{"t":"beat","__proto__":{}}'],
    ["an inherited member name", '{"t":"beat","toString":1}'],
    ["a missing member", '{"t":"proof"}'],
    ["an id that is too long", `{"t":"seen","id":"${"a".repeat(33)}","state":"never"}`],
    ["an id with a line break", '{"t":"seen","id":"a\\n","state":"never"}'],
    ["an unknown state", '{"t":"seen","id":"0","state":"maybe"}'],
    [
      "an unknown failure code",
      '{"t":"answer","id":"0","answer":{"ok":false,"code":"toString","effect":"none"}}',
    ],
    [
      "an unknown effect",
      '{"t":"answer","id":"0","answer":{"ok":false,"code":"busy","effect":"some"}}',
    ],
    [
      "a status out of range",
      '{"t":"answer","id":"0","answer":{"ok":false,"code":"busy","effect":"none","status":999}}',
    ],
    [
      "a wait that is too long",
      '{"t":"answer","id":"0","answer":{"ok":false,"code":"busy","effect":"none","retryAfterMs":60001}}',
    ],
    [
      "a wait that is none",
      '{"t":"answer","id":"0","answer":{"ok":false,"code":"busy","effect":"none","retryAfterMs":0}}',
    ],
    [
      "base64 that is none",
      '{"t":"answer","id":"0","answer":{"ok":true,"status":200,"contentType":"a/b","encoding":"base64","body":"*","truncated":false}}',
    ],
    [
      "a content type that begins another header",
      '{"t":"answer","id":"0","answer":{"ok":true,"status":200,"contentType":"a/b\\r\\nx: y","encoding":"utf8","body":"","truncated":false}}',
    ],
    [
      "an upper-case nonce",
      `{"t":"hello","v":1,"tenant":"acme","connector":"con_1","nonce":"${"AB".repeat(32)}"}`,
    ],
    [
      "a tenant with a slash",
      `{"t":"hello","v":1,"tenant":"a/b","connector":"con_1","nonce":"${HEX32}"}`,
    ],
    ["half a character", '{"t":"seen","id":"0","state":"\\ud800"}'],
    ["too much depth", `{"t":"beat","x":${"[".repeat(100)}${"]".repeat(100)}}`],
  ])("refuses %s", (_name, text) => {
    expect(parseToGateway(text)).toBeNull();
    expect(parseToConnector(text)).toBeNull();
  });

  it.each([
    ["a tool of no name", { operation: { mcp: { ...mcp, tool: "" } } }],
    ["a tool of another alphabet", { operation: { mcp: { ...mcp, tool: "rеad" } } }],
    ["arguments that are no object", { operation: { mcp: { ...mcp, args: [1] } } }],
    ["no pin", { operation: { mcp: { ...mcp, pin: undefined } } }],
    ["half a pin", { operation: { mcp: { ...mcp, pin: "0a" } } }],
    ["more than a tool", { operation: { mcp: { ...mcp, server: "another" } } }],
    ["both kinds of operation", { operation: { http, sql } }],
    ["no operation", { operation: {} }],
    ["a host beside the path", { operation: { http: { ...http, host: "evil" } } }],
    ["a method in lower case", { operation: { http: { ...http, method: "get" } } }],
    ["no row limit", { operation: { sql: { ...sql, maxRows: 0 } } }],
    ["a mode we do not know", { operation: { sql: { ...sql, mode: "admin" } } }],
    ["too many parameters", { operation: { sql: { ...sql, params: Array(1_001).fill(1) } } }],
    ["a cap past the largest body", { cap: MAX_BODY_BYTES + 1 }],
    ["a negative deadline", { timeoutMs: -1 }],
    ["half a millisecond", { timeoutMs: 0.5 }],
    ["no word on a key", { idempotencyKey: undefined }],
    ["no word on a preview", { preview: undefined }],
    ["an empty key", { idempotencyKey: "" }],
    ["a key that begins another header", { idempotencyKey: "a\r\nauthorization:b" }],
    ["a key with a space", { idempotencyKey: "a b" }],
    ["a key of other characters", { idempotencyKey: "schlüssel" }],
    ["a key that is too long", { idempotencyKey: "a".repeat(129) }],
    ["a key that is no text", { idempotencyKey: 1 }],
    ["a seal without its version", { preview: { changes: HEX32 } }],
    ["a seal without a change", { preview: { etag: null, salt: seal.salt } }],
    ["a seal without salt", { preview: { changes: HEX32, etag: null } }],
    ["a seal with a pinch of salt", { preview: { ...seal, salt: "5a" } }],
    ["a seal with more", { preview: { ...seal, force: true } }],
    ["a seal of another digest", { preview: { ...seal, changes: HEX32.toUpperCase() } }],
    ["a seal for every version", { preview: { ...seal, etag: "*" } }],
    ["a seal of a weak version", { preview: { ...seal, etag: 'W/"v1"' } }],
    ["a seal of two versions", { preview: { ...seal, etag: '"a", "b"' } }],
    ["a version that begins another header", { preview: { ...seal, etag: '"a\r\nb"' } }],
    ["a seal that is a list", { preview: [seal] }],
    [
      "an observation without parameters",
      { operation: { sql: { ...sql, observe: { ...observe, params: undefined } } } },
    ],
    [
      "an observation with more",
      { operation: { sql: { ...sql, observe: { ...observe, mode: "write" } } } },
    ],
    [
      "an observation of both kinds",
      { operation: { sql: { ...sql, observe: { ...observe, ...byKey } } } },
    ],
    [
      "rows without what may be written along",
      { operation: { sql: { ...sql, observe: { ...byKey, also: undefined } } } },
    ],
    ["a key that is a text", { operation: { sql: { ...sql, observe: { ...byKey, key: "id" } } } }],
    ["no observation, said so", { operation: { sql: { ...sql, observe: null } } }],
    [
      "something ignored that is no column",
      { operation: { sql: { ...sql, observe: { ...observe, ignore: [1] } } } },
    ],
    ["texts to embed at no place", { operation: { sql: { ...sql, embed: [-1] } } }],
    ["texts to embed at half a place", { operation: { sql: { ...sql, embed: [0.5] } } }],
    ["a text to embed past all places", { operation: { sql: { ...sql, embed: [1_000] } } }],
    ["too many texts to embed", { operation: { sql: { ...sql, embed: [0, 1, 2, 3, 4] } } }],
    ["no texts to embed, said so", { operation: { sql: { ...sql, embed: null } } }],
    ["an observation over HTTP", { operation: { http: { ...http, observe } } }],
  ])("refuses a request with %s", (_name, change) => {
    const frame = { t: "request", id: "0", operation: { http }, ...rest };
    expect(parseToConnector(JSON.stringify(frame))).not.toBeNull();
    expect(parseToConnector(JSON.stringify({ ...frame, ...change }))).toBeNull();
  });

  it.each([
    ["half of what was observed", { observed: { before: { rows: [] } } }],
    [
      "more than was observed",
      { observed: { before: { rows: [] }, after: { rows: [] }, more: 1 } },
    ],
    ["no rows", { observed: { before: {}, after: {} } }],
    ["more than rows", { observed: { before: { rows: [], more: 1 }, after: { rows: [] } } }],
    ["a row that is none", { observed: { before: { rows: [1] }, after: { rows: [] } } }],
    ["a row that is a list", { observed: { before: { rows: [[]] }, after: { rows: [] } } }],
    ["nothing, as observed", { observed: null }],
    [
      "too many rows",
      { observed: { before: { rows: Array(100_001).fill({}) }, after: { rows: [] } } },
    ],
    ["a weak version", { etag: 'W/"a"' }],
    ["every version", { etag: "*" }],
    ["a version of no text", { etag: null }],
    ["a version that is too long", { etag: `"${"a".repeat(255)}"` }],
    ["a version that begins another header", { etag: '"\r\n"' }],
  ])("refuses an answer with %s", (_name, change) => {
    const answer = {
      ok: true,
      status: 200,
      contentType: "a/b",
      encoding: "utf8",
      body: "",
      truncated: false,
    };
    expect(parseToGateway(JSON.stringify({ t: "answer", id: "0", answer }))).not.toBeNull();
    const changed = { ...answer, ...change };
    expect(parseToGateway(JSON.stringify({ t: "answer", id: "0", answer: changed }))).toBeNull();
  });

  it("refuses an observation beside a failure", () => {
    const answer = { ok: false, code: "busy", effect: "none" };
    const observed = { before: { rows: [] }, after: { rows: [] } };
    const frame = { t: "answer", id: "0", answer: { ...answer, observed } };
    expect(parseToGateway(JSON.stringify(frame))).toBeNull();
  });

  it("takes a frame of the largest size and not one byte more", () => {
    const frame = (body: string): ToGateway => ({
      t: "answer",
      id: "0",
      answer: { ok: true, status: 200, contentType: "", encoding: "utf8", body, truncated: false },
    });
    const room = MAX_FRAME_BYTES - JSON.stringify(frame("")).length;
    const largest = encode(frame("a".repeat(room)));
    expect(largest).toHaveLength(MAX_FRAME_BYTES);
    expect(parseToGateway(largest ?? "")).not.toBeNull();
    expect(encode(frame("a".repeat(room + 1)))).toBeNull();
    expect(encode(frame("é".repeat(room / 2 + 1)))).toBeNull();
    expect(parseToGateway(`${largest} `)).toBeNull();
    expect(parseToGateway('{"t":"beat"}', 11)).toBeNull();
  });

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseToGateway(text);
        parseToConnector(text);
      }),
    );
    const types = [...toGateway, ...toConnector].map((one) => one.t);
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (t, members) => {
          parseToGateway(JSON.stringify({ ...members, t }));
          parseToConnector(JSON.stringify({ ...members, t }));
        },
      ),
    );
  });
});
