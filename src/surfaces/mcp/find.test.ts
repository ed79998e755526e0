import { describe, expect, it } from "vitest";
import type { ToolListing } from "../../core/model/tool-listing.ts";
import { FIND_FROM, FIND_TOOLS, finder, taskOf } from "./find.ts";

function listed(count: number, ...more: readonly string[]): readonly ToolListing[] {
  const named = Array.from({ length: count - more.length }, (_, at) => `tool_${at}`);
  return [...named, ...more].map((name) => ({ ...FIND_TOOLS, name }));
}

describe("find_tools", () => {
  it("is offered where a list is long, and never in the place of a tool of that name", () => {
    expect(finder(listed(FIND_FROM - 1))).toEqual([]);
    expect(finder(listed(FIND_FROM))).toEqual([FIND_TOOLS]);
    expect(finder(listed(FIND_FROM, "find_tools"))).toEqual([]);
  });

  it("takes a task and how many", () => {
    expect(taskOf({ task: "refund" })).toEqual(["refund", 10]);
    expect(taskOf({ task: "refund", limit: 50 })).toEqual(["refund", 50]);
  });

  it.each([
    ...[undefined, null, [], {}, { task: "" }, { task: 7 }, { task: "x", limit: 0 }],
    ...[
      { task: "x", limit: 51 },
      { task: "x", limit: 1.5 },
      { task: "x", limit: "1" },
    ],
    { task: "x", more: 1 },
  ])("does not take %j", (args) => {
    expect(taskOf(args)).toBeNull();
  });
});
