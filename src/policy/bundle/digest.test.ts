import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bundleDigest } from "./digest.ts";

const files = {
  "bundle.jsonc": '{ "b": 1, "a": "é" }',
  "policies/data.cedar": "// note\npermit;\n",
  "tools/x.jsonc": "[1]",
};

describe("bundleDigest", () => {
  it("is the SHA-256 of the canonical form of path and content", () => {
    const canonical =
      '{"bundle.jsonc":{"a":"é","b":1},"policies/data.cedar":"// note\\npermit;\\n","tools/x.jsonc":[1]}';
    expect(bundleDigest(files)).toBe(createHash("sha256").update(canonical).digest("hex"));
    expect(bundleDigest(files)).toBe(
      "364d39aa1bb8f90e8d3c78e4fa49484c8f77e76fff7997db69f500a7b5ccfecb",
    );
  });

  it("does not change with layout, comments, key order, line ends, or files beside the bundle", () => {
    const same = {
      "README.md": "# hello",
      "tools/x.jsonc": "[\r\n 1, // one\r\n]",
      "policies/data.cedar": "// note\r\npermit;\r\n",
      "bundle.jsonc": '/* x */ {"a":"\\u00e9",\n"b":1.0,}',
    };
    expect(bundleDigest(same)).toBe(bundleDigest(files));
  });

  it.each([
    { "bundle.jsonc": '{ "b": 2, "a": "é" }' },
    { "policies/data.cedar": "// note\npermit; \n" },
    { "tools/x.jsonc": "[1, 1]" },
    { "tools/y.jsonc": "[1]" },
  ])("changes with content: %o", (change) => {
    expect(bundleDigest({ ...files, ...change })).not.toBe(bundleDigest(files));
  });

  it.each(['{ "a": 1', '{ "a": 1, "a": 1 }', '{ "__proto__": 1 }', ""])(
    "is none where two parsers could differ: %s",
    (text) => {
      expect(bundleDigest({ ...files, "bundle.jsonc": text })).toBeNull();
    },
  );
});
