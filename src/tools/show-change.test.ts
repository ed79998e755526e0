import { describe, expect, it } from "vitest";
import { changeOf } from "../core/model/change.ts";
import type { Json } from "../core/model/json.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { compileRecordTest } from "./change-place.ts";
import { classify } from "./classify.ts";
import { compileShow } from "./show-change.ts";
import { planOf } from "./tools.test-support.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  dataClass: "ticket",
  properties: {
    title: { type: "string" },
    tags: { type: "array", items: { type: "string" } },
    owner: { type: "object", properties: { name: { type: "string" } } },
  },
};
const shower = compileShow(classify(SCHEMA), compileRecordTest(new Set()));

/** To whom every class is allowed; no preview would have let these values through. */
function show(before: Json, after: Json) {
  const change = changeOf(before, after);
  return shower({ before, after, change, classes: [], etag: null }, planOf(["ticket"]));
}

describe("showing a change of what nobody declared", () => {
  it.each<[string, Json, Json]>([
    ["an object for a list", { tags: [] }, { tags: { secret: "secret" } }],
    ["a list for an object", { owner: { name: "x" } }, { owner: ["secret"] }],
    ["an object for a text", { title: "x" }, { title: { secret: "secret" } }],
    ["a list for a text", { title: "x" }, { title: ["secret"] }],
    ["a text for an object", { owner: { name: "x" } }, { owner: "secret" }],
    [
      "an object that was a list's place",
      { tags: { secret: "x" } },
      { tags: { secret: "secret" } },
    ],
    ["an object that becomes a list", { tags: { secret: "secret" } }, { tags: ["x"] }],
    ["an object for a list, inside", {}, { owner: { name: { secret: "secret" } } }],
    ["a member that comes", { owner: {} }, { owner: { secret: "secret" } }],
    ["a member that goes", { owner: { secret: "secret" } }, { owner: {} }],
    ["a member of what comes", {}, { owner: { name: "x", secret: "secret" } }],
    ["a list in a list", { tags: [] }, { tags: [["secret"]] }],
  ])("hides %s, its key too, and says so", (_, before, after) => {
    const { change, hidden } = show(before, after);
    expect(JSON.stringify(change)).not.toContain("secret");
    expect(hidden.length).toBeGreaterThan(0);
    expect(new Set(hidden.map(({ dataClass }) => dataClass))).toEqual(new Set(["undeclared"]));
    expect(hidden[0]).toMatchObject({ ruleIds: ["default:data"], transform: "null" });
  });

  it("shows what changes beside it", () => {
    expect(show({ title: "a", secret: "a" }, { title: "b", secret: "a" })).toEqual({
      change: [
        { op: "test", path: "/title", value: "a" },
        { op: "replace", path: "/title", value: "b" },
      ],
      hidden: [],
    });
  });
});
