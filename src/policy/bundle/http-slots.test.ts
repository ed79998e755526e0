import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import { goodBundle, spoilt } from "./testing.ts";

const PATH = "tools/loans_create.jsonc";
const HTTP = '"query": ["express"],\n    "body": ["reader", "days"],';

describe("slots of an HTTP request", () => {
  it("take an argument under the name that the service knows", async () => {
    const files = await goodBundle();
    const slots = `"query": [{ "argument": "express", "name": "delivery[express]" }],
      "headers": [{ "argument": "reader", "name": "x-reader" }],
      "cookies": [{ "argument": "days", "name": "days" }], "body": [],`;
    const text = (files[PATH] ?? "").replace(HTTP, () => slots);
    const checked = checkBundle({ ...files, [PATH]: text });
    expect(checked.ok ? [] : checked.mistakes).toEqual([]);
    const tools = checked.ok ? checked.bundle.tools : [];
    expect(tools.find(({ tool }) => tool.id === "loans_create")?.template).toMatchObject({
      query: [{ argument: "express", name: "delivery[express]", form: "plain" }],
      headers: [{ argument: "reader", name: "x-reader", form: "plain" }],
      cookies: [{ argument: "days", name: "days", form: "plain" }],
      body: [],
    });
  });

  const reader = (name: string): string => `{ "argument": "reader", "name": "${name}" }`;
  it.each<[string, string, string]>([
    ["a header that authorises", `"headers": [${reader("authorization")}],`, "wrong_value"],
    ["a header that frames", `"headers": [${reader("transfer-encoding")}],`, "wrong_value"],
    ["a header of ours", `"headers": [${reader("txn-token")}],`, "wrong_value"],
    ["all of them again", `"headers": [${reader("postern-x")}],`, "wrong_value"],
    ["a word to the mesh", `"headers": [${reader("x-envoy-retry-on")}],`, "wrong_value"],
    ["the cookies as one header", `"headers": [${reader("cookie")}],`, "wrong_value"],
    ["a header in upper case", `"headers": [${reader("X-Reader")}],`, "wrong_value"],
    ["a cookie with a separator", `"cookies": [${reader("a;b")}],`, "wrong_value"],
    [
      "two arguments under one name",
      `"query": [${reader("x")}, { "argument": "days", "name": "x" }],`,
      "wrong_value",
    ],
    [
      "commas in what is no list",
      '"query": [{ "argument": "reader", "list": "comma" }],',
      "argument_type",
    ],
    [
      "a member nobody knows",
      '"query": [{ "argument": "reader", "style": "deep" }],',
      "unknown_key",
    ],
    ["an argument in two places", '"query": ["reader"], "headers": ["reader"],', "argument_twice"],
  ])("refuse %s", async (_, slots, code) => {
    const files = await goodBundle();
    const codes = spoilt(files, PATH, HTTP, slots).map((mistake) => mistake.code);
    expect(codes).toContain(code);
  });

  it("of a form hold texts, lists of such, and objects of such in brackets", async () => {
    const files = await goodBundle();
    const codes = (http: string, type = '"type": "string"'): readonly string[] => {
      const text = (files[PATH] ?? "").replace(
        '"reader": { "type": "string"',
        `"reader": { ${type}`,
      );
      return spoilt({ ...files, [PATH]: text }, PATH, HTTP, http).map(({ code }) => code);
    };
    const form = (slot: string): string =>
      `"query": ["express", "days"], "body": [${slot}], "encoding": "form",`;
    const deep = form('{ "argument": "reader", "object": "brackets" }');
    const open = '"type": "object", "additionalProperties": { "type": "string" }';
    const nested = '"type": "object", "additionalProperties": { "type": "object" }';
    expect(codes(form('"reader"'))).toEqual([]);
    expect(codes(deep, open)).toEqual([]);
    expect(codes(form('"reader"'), open)).toEqual(["argument_type"]);
    expect(codes(deep, nested)).toEqual(["argument_type"]);
    const deeper = '"type": "object", "additionalProperties": false, "properties": { "a": ';
    const list = '"type": "array", "items": { "type": "string" }';
    expect(codes(deep, `${deeper}{ ${list} } }`)).toEqual([]);
    expect(codes(deep, `${deeper}{ ${nested} } }`)).toEqual(["argument_type"]);
    expect(codes(deep, `${deeper}{ "type": "array" } }`)).toEqual(["argument_type"]);
    const places = form('{ "argument": "reader", "list": "brackets" }');
    expect(codes(places, list)).toEqual([]);
    expect(codes(places, `"type": "array", "items": { ${open} }`)).toEqual([]);
    expect(codes(places, open)).toEqual(["argument_type"]);
    expect(codes(deep, list)).toEqual(["argument_type"]);
    expect(codes(deep, '"type": "object"')).toEqual(["argument_type"]);
    expect(codes(deep)).toEqual(["argument_type"]);
    const json = deep.replace(', "encoding": "form"', "");
    expect(codes(json, open)).toEqual(["argument_type"]);
    const whole =
      '"query": ["express", "days"], "body": { "argument": "reader" }, "encoding": "form",';
    expect(codes(whole)).toEqual(["wrong_value"]);
  });

  it("hold a body that is one argument, and nothing beside it", async () => {
    const files = await goodBundle();
    const whole = '"query": ["express", "days"], "body": { "argument": "reader" },';
    expect(spoilt(files, PATH, HTTP, whole)).toEqual([]);
    const both = '"query": ["express", "days"], "body": { "argument": "reader", "name": "x" },';
    expect(spoilt(files, PATH, HTTP, both).map(({ code }) => code)).toEqual(["unknown_key"]);
  });
});
