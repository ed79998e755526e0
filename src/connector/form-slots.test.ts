import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusalOf, sha256 } from "./allow.ts";
import { httpDestination } from "./testing.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { HttpSlot } from "../policy/bundle/model.ts";
import { parseToConnector } from "../tunnel/frames.ts";
import { compileHttp } from "../tools/render-http.ts";
import { httpOf } from "../tools/tools.test-support.ts";
import { anyText } from "../core/model/testing-text.ts";

const slot = (argument: string, name: string, form: HttpSlot["form"] = "plain"): HttpSlot => ({
  ...{ argument, name, form },
});
const FORM = compileHttp(
  httpOf({
    method: "POST",
    path: "/v1/charges",
    encoding: "form",
    body: [
      slot("amount", "amount"),
      slot("note", "the note"),
      slot("expand", "expand[]"),
      slot("ids", "ids", "comma"),
      slot("metadata", "metadata", "brackets"),
    ],
  }),
  "payments",
  sha256,
);
const DESTINATION = httpDestination({ methods: new Set(["POST"]), paths: [["v1", "charges"]] });

/** A text below that many keys. */
const nested = (levels: number): Json => (levels === 0 ? "1" : { a: nested(levels - 1) });
const bodyOf = (args: JsonObject): string | null => FORM.render(args, {}, "acme").body;
const fields = (args: JsonObject): readonly (readonly [string, string])[] => [
  ...new URLSearchParams(bodyOf(args) ?? ""),
];

describe("a form", () => {
  it("has a field for each value, and says in its operation how it is to be read", () => {
    const args = {
      ...{ amount: 100, note: "für Ada & Co", expand: ["a", "b"], ids: [1, 2] },
      metadata: { z: true, a: "1" },
    };
    const request = FORM.render(args, {}, "acme");
    const body =
      "amount=100&the%20note=f%C3%BCr%20Ada%20%26%20Co&expand%5B%5D=a&expand%5B%5D=b&ids=1,2&" +
      "metadata%5Ba%5D=1&metadata%5Bz%5D=true";
    expect(request).toEqual({
      operation: {
        http: {
          ...{ method: "POST", destination: "payments", path: "/v1/charges", query: "" },
          contentDigest: sha256(body),
          contentType: "application/x-www-form-urlencoded",
        },
      },
      body,
      contentType: "application/x-www-form-urlencoded",
    });
    expect(fields(args)).toEqual([
      ["amount", "100"],
      ["the note", "für Ada & Co"],
      ["expand[]", "a"],
      ["expand[]", "b"],
      ["ids", "1,2"],
      ["metadata[a]", "1"],
      ["metadata[z]", "true"],
    ]);
  });

  it("without a field is no body", () => {
    const request = FORM.render({ expand: [], metadata: {} }, {}, "acme");
    expect(request).toMatchObject({ body: null, contentType: null });
    expect(request.operation).not.toHaveProperty("http.contentType");
  });

  it.each<[string, JsonObject]>([
    ["a second field", { note: "x&amount=1" }],
    ["one that is encoded already", { note: "x%26amount%3D1" }],
    ["a line", { note: "x\r\namount=1" }],
    ["a plus sign", { note: "1+1 = 2" }],
    ["a semicolon, which some read as the next field", { note: "x;amount=1" }],
    ["a field in a list", { expand: ["x&amount=1"] }],
    ["a field in a list of commas", { ids: ["x&amount=1"] }],
    ["a field in an object", { metadata: { "k&amount": "1&amount=2" } }],
  ])("keeps %s in its place", (_, args) => {
    expect(FORM.misplaced(args)).toEqual([]);
    const values = Object.values(args).flatMap((given) =>
      typeof given === "object" && given !== null ? Object.values(given) : [given],
    );
    expect(fields(args).map(([, value]) => value)).toEqual(values);
    expect(fields(args).map(([name]) => name)).not.toContain("amount");
  });

  it.each<[string, JsonObject, string]>([
    ["null", { note: null }, "/note"],
    ["an object where none goes", { note: {} }, "/note"],
    ["a list in a list", { expand: [["a"]] }, "/expand"],
    ["a comma in a list of commas", { ids: ["a,b"] }, "/ids"],
    ["null in an object", { metadata: { a: null } }, "/metadata"],
    ["null in a list in it", { metadata: { a: [null] } }, "/metadata"],
    ["another level", { metadata: { "a][admin": "1" } }, "/metadata"],
    ["another level, further down", { metadata: { a: [{ "b][admin": "1" }] } }, "/metadata"],
    ["a level too many", { metadata: nested(9) }, "/metadata"],
    ["a key of 101 characters", { metadata: { ["k".repeat(101)]: "1" } }, "/metadata"],
    ["1,001 fields", { metadata: { a: Array.from({ length: 1_001 }, () => 1) } }, "/metadata"],
    ["a key that is none", { metadata: { "": "1" } }, "/metadata"],
    ["a text for an object", { metadata: "a=1" }, "/metadata"],
  ])("refuses %s", (_, args, place) => {
    expect(FORM.misplaced(args)).toEqual([place]);
  });

  it("holds what is nested under the keys that lead there, and lists by their places", () => {
    const metadata = { b: [{ c: 1, a: "x&y" }, "z"], a: { "n n": true } };
    expect(FORM.misplaced({ metadata })).toEqual([]);
    expect(fields({ metadata })).toEqual([
      ["metadata[a][n n]", "true"],
      ["metadata[b][0][a]", "x&y"],
      ["metadata[b][0][c]", "1"],
      ["metadata[b][1]", "z"],
    ]);
    const most = { ["k".repeat(100)]: nested(7), a: Array.from({ length: 999 }, () => 1) };
    expect(FORM.misplaced({ metadata: most })).toEqual([]);
    expect(fields({ metadata: most })).toHaveLength(1_000);
  });

  it("is the same for the same arguments, in whatever order they came", () => {
    expect(bodyOf({ metadata: { b: "2", a: "1" } })).toBe(bodyOf({ metadata: { a: "1", b: "2" } }));
  });

  it("reaches the service as what was meant, whatever the arguments are", () => {
    const text = anyText(20).filter((one) => one.isWellFormed());
    const value: fc.Arbitrary<Json> = fc.oneof(text, fc.integer(), fc.boolean());
    const deep = fc.oneof(
      value,
      fc.array(value, { maxLength: 3 }),
      fc.dictionary(text, fc.oneof(value, fc.array(value, { maxLength: 2 })), { maxKeys: 2 }),
    );
    const leaves = (name: string, given: Json): readonly (readonly [string, string])[] => {
      if (typeof given !== "object" || given === null) return [[name, said(given)]];
      if (Array.isArray(given)) {
        return (given as readonly Json[]).flatMap((one, at) => leaves(`${name}[${at}]`, one));
      }
      return Object.entries(given as JsonObject)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([key, one]) => leaves(`${name}[${key}]`, one));
    };
    const said = (one: Json | undefined): string =>
      typeof one === "string" ? one : JSON.stringify(one);
    const call = fc.record(
      {
        ...{ amount: value, note: value, expand: fc.array(value, { maxLength: 3 }) },
        metadata: fc.dictionary(text, deep, { maxKeys: 3 }),
      },
      { requiredKeys: [] },
    );
    let sent = 0;
    fc.assert(
      fc.property(call, (given) => {
        const args = given as JsonObject;
        if (FORM.misplaced(args).length > 0) return;
        sent++;
        const { amount, note, expand = [], metadata = {} } = given;
        expect(fields(args)).toEqual([
          ...(amount === undefined ? [] : [["amount", said(amount)]]),
          ...(note === undefined ? [] : [["the note", said(note)]]),
          ...expand.map((one) => ["expand[]", said(one)]),
          ...leaves("metadata", metadata),
        ]);
        const request = FORM.render(args, {}, "acme");
        const more = { idempotencyKey: null, preview: null };
        expect(refusalOf({ ...request, ...more }, DESTINATION)).toBeNull();
        const frame = {
          t: "request",
          id: "1",
          token: "t",
          cap: 1,
          timeoutMs: 1,
          ...request,
          ...more,
        };
        expect(parseToConnector(JSON.stringify(frame))).not.toBeNull();
      }),
      { numRuns: 100 },
    );
    // A property about nothing proves nothing.
    expect(sent).toBeGreaterThan(20);
  });
});

it("an object goes into a query in the same way", () => {
  const query = [slot("filter", "filter", "brackets")];
  const http = compileHttp(httpOf({ method: "GET", query }), "x", sha256);
  expect(http.render({ filter: { "a b": "c&d" } }, {}, "acme").operation).toMatchObject({
    http: { query: "filter%5Ba%20b%5D=c%26d" },
  });
});
