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
      query: [{ argument: "express", name: "delivery[express]", comma: false }],
      headers: [{ argument: "reader", name: "x-reader", comma: false }],
      cookies: [{ argument: "days", name: "days", comma: false }],
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

  it("hold a body that is one argument, and nothing beside it", async () => {
    const files = await goodBundle();
    const whole = '"query": ["express", "days"], "body": { "argument": "reader" },';
    expect(spoilt(files, PATH, HTTP, whole)).toEqual([]);
    const both = '"query": ["express", "days"], "body": { "argument": "reader", "name": "x" },';
    expect(spoilt(files, PATH, HTTP, both).map(({ code }) => code)).toEqual(["unknown_key"]);
  });
});
