import { describe, expect, it } from "vitest";
import { undoOf } from "./undo.ts";

const OBSERVED = {
  before: { rows: [{ id: 7, amount: 50, "a/b": null }] },
  after: { rows: [{ id: 7, amount: 20 }] },
};
const undo = (pointers: { [argument: string]: string }) =>
  undoOf({ tool: "refund_set", arguments: pointers }, { id: 7, tags: ["x"] }, OBSERVED);

describe("undoing a change", () => {
  it("takes each argument from where the description points", () => {
    expect(
      undo({
        id: "/arguments/id",
        amount: "/before/rows/0/amount",
        now: "/after/rows/0/amount",
        tag: "/arguments/tags/0",
      }),
    ).toEqual({ tool: "refund_set", arguments: { id: 7, amount: 50, now: 20, tag: "x" } });
  });

  it("takes a null that stands there for a value", () => {
    expect(undo({ note: "/before/rows/0/a~1b" })).toEqual({
      tool: "refund_set",
      arguments: { note: null },
    });
  });

  it.each([
    ["a member", "/before/rows/0/missing"],
    ["a row", "/before/rows/1/amount"],
    ["a leading zero", "/before/rows/00/amount"],
    ["the end of an array", "/before/rows/-"],
    ["the length of an array", "/before/rows/length"],
    ["a prototype", "/before/constructor"],
    ["a member of a text", "/arguments/tags/0/length"],
    ["anything else", "/claims"],
  ])("is none when %s is not there", (_, pointer) => {
    expect(undo({ id: "/arguments/id", amount: pointer })).toBe(null);
  });

  it("is none where nothing is declared", () => {
    expect(undoOf(null, {}, OBSERVED)).toBe(null);
  });

  it("makes an own member whatever its name", () => {
    const made = undo({ ["__proto__"]: "/arguments/id" });
    expect(Object.hasOwn(made?.arguments ?? {}, "__proto__")).toBe(true);
  });
});
