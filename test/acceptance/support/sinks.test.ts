import { describe, expect, it } from "vitest";
import { tracesOf } from "./sinks.ts";

const SECRET = "a-secret-of-some-length";
const inside = (text: string): { name: string; bytes: Buffer } => ({
  name: "sink",
  bytes: Buffer.from(text, "latin1"),
});

describe("the search for secrets", () => {
  it("finds one at the very beginning, in the middle and at the very end", () => {
    for (const text of [SECRET, `..${SECRET}..`, `..${SECRET}`]) {
      expect(tracesOf([SECRET], [inside(text)])).toEqual(["a-secret-of-some… in sink"]);
    }
  });

  it("finds its hex, and base64 wherever that begins", () => {
    for (const before of ["", "x", "xy", "xyz"]) {
      const bytes = Buffer.from(`${before}${SECRET}yz`);
      for (const text of [bytes.toString("hex"), bytes.toString("base64")]) {
        expect(tracesOf([SECRET], [inside(text)]), text).toHaveLength(1);
      }
    }
  });

  it("tells two that begin alike apart, and does not take a part for the whole", () => {
    const others = [`${SECRET}-1`, `${SECRET}-2`];
    expect(tracesOf(others, [inside(`${SECRET}-2 and ${SECRET}`)])).toHaveLength(1);
    expect(tracesOf([SECRET], [inside(SECRET.slice(0, -1))])).toEqual([]);
  });

  it("refuses what is too short to be searched for", () => {
    expect(() => tracesOf(["abc"], [])).toThrow(RangeError);
  });
});
