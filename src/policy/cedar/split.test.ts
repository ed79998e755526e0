import { describe, expect, it } from "vitest";
import { fromByteOffset, splitPolicies } from "./split.ts";

describe("splitPolicies", () => {
  it("cuts at the semicolons that end policies and keeps places", () => {
    const source = '// a; b\n@id("x;y") permit (a) when { "\\";" == "" }; // c;\n\n forbid // ;\n;';
    const pieces = splitPolicies(source);
    expect(pieces.map((piece) => piece.text)).toEqual([
      '@id("x;y") permit (a) when { "\\";" == "" };',
      "forbid // ;\n;",
    ]);
    for (const piece of pieces) expect(source.slice(piece.offset)).toMatch(piece.text.slice(0, 5));
  });

  it("keeps what stands after the last semicolon, for the parser to refuse", () => {
    expect(splitPolicies("permit;\n forbid (").map((piece) => piece.text)).toEqual([
      "permit;",
      "forbid (",
    ]);
    expect(splitPolicies('permit "')).toEqual([{ text: 'permit "', offset: 0 }]);
  });

  it.each(["", "  \n", "// only; comments", "// x\n// y\n"])("finds none in %j", (source) => {
    expect(splitPolicies(source)).toEqual([]);
  });

  it("keeps a lone semicolon, for the parser to refuse", () => {
    expect(splitPolicies(" ;")).toEqual([{ text: ";", offset: 1 }]);
  });
});

describe("fromByteOffset", () => {
  it("turns offsets in UTF-8 bytes into UTF-16 units", () => {
    const text = "aé€😀b";
    expect([0, 1, 3, 6, 10, 11].map((bytes) => fromByteOffset(text, bytes))).toEqual([
      0, 1, 2, 3, 5, 6,
    ]);
  });
});
