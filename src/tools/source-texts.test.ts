import { describe, expect, it } from "vitest";
import type { JsonObject } from "../core/model/json.ts";
import { compileSourceTexts, textsOf } from "./source-texts.ts";

const INPUT: JsonObject = {
  type: "object",
  properties: {
    to: { type: "array", items: { type: "string" } },
    party: {
      type: "object",
      properties: {
        name: { type: "string" },
        homes: { type: "array", items: { type: "object", properties: { city: {} } } },
      },
    },
    headers: { type: "object", additionalProperties: { type: "string" } },
    shared: { $ref: "#/$defs/party" },
    amount: { type: "number" },
  },
};
const texts = (name: string, args: JsonObject): readonly string[] | undefined =>
  compileSourceTexts([name], INPUT)(args).get(name);

describe("the texts of an argument", () => {
  it("are its strings as they are, and anything else as JSON writes it", () => {
    expect(texts("to", { to: ["a@b.com", " C ", "a@b.com"] })).toEqual(["a@b.com", " C "]);
    expect(texts("amount", { amount: 12.5 })).toEqual(["12.5"]);
    expect(texts("amount", { amount: 1e21 })).toEqual(["1e+21"]);
    expect(texts("amount", { amount: true })).toEqual(["true"]);
    expect(texts("amount", { amount: null })).toEqual(["null"]);
  });

  it("are all leaves of what is nested", () => {
    const party = { name: "Ann", homes: [{ city: "Bern" }, { city: "Lyon" }] };
    expect(texts("party", { party })).toEqual(["Ann", "Bern", "Lyon"]);
  });

  it("count a name of a member that the agent chose", () => {
    expect(texts("headers", { headers: { Bcc: "a@b.com" } })).toEqual(["Bcc", "a@b.com"]);
    expect(texts("party", { party: { name: "Ann", nick: "A" } })).toEqual(["Ann", "nick", "A"]);
    expect(texts("shared", { shared: { name: "Ann" } })).toEqual(["name", "Ann"]);
    expect(texts("party", { party: { constructor: "x" } })).toEqual(["constructor", "x"]);
  });

  it("are none where the argument is absent or holds nothing", () => {
    expect(texts("to", {})).toEqual([]);
    expect(texts("to", { to: [] })).toEqual([]);
    expect(texts("constructor", {})).toEqual([]);
    expect([...compileSourceTexts([], INPUT)({ to: ["x"] })]).toEqual([]);
  });

  it("of a result are its leaves and its keys", () => {
    expect(textsOf({ "a@b.com": { paid: [true, 7] } })).toEqual(["a@b.com", "paid", "true", "7"]);
  });
});
