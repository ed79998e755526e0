import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import { readContent } from "./mcp-content.ts";

const read = (...content: Json[]) => readContent({ content });

describe("MCP content blocks", () => {
  it.each<[string, Json]>([
    ["text", { type: "text", text: "a" }],
    ["image", { type: "image", data: "YWJj", mimeType: "image/png" }],
    ["audio", { type: "audio", data: "", mimeType: "audio/wav" }],
    [
      "an embedded text",
      { type: "resource", resource: { uri: "test://a", mimeType: "text/plain", text: "a" } },
    ],
    ["embedded bytes", { type: "resource", resource: { uri: "test://a", blob: "YWJj" } }],
    [
      "a link",
      {
        type: "resource_link",
        uri: "test://a",
        name: "a",
        title: "A",
        description: "d",
        mimeType: "text/html",
        size: 3,
      },
    ],
  ])("pass: %s", (_, block) => {
    expect(read(block)).toEqual({ content: [block], isError: false, undeclared: 0 });
  });

  it.each<[string, Json]>([
    ["no object", "text"],
    ["no type", { text: "a" }],
    ["an unknown type", { type: "video", data: "", mimeType: "video/mp4" }],
    ["an inherited type", { type: "constructor" }],
    ["a type that is no text", { type: ["text"], text: "a" }],
    ["no text", { type: "text" }],
    ["text that is none", { type: "text", text: { a: 1 } }],
    ["text with half a pair", { type: "text", text: "\udc00" }],
    ["data that is not base64", { type: "image", data: "a b", mimeType: "image/png" }],
    ["no media type", { type: "image", data: "YWJj" }],
    ["a media type with a line break", { type: "audio", data: "", mimeType: "audio/\nwav" }],
    ["a resource that is none", { type: "resource", resource: "test://a" }],
    ["a resource without contents", { type: "resource", resource: { uri: "test://a" } }],
    [
      "a resource with two contents",
      { type: "resource", resource: { uri: "test://a", text: "a", blob: "" } },
    ],
    ["a resource without address", { type: "resource", resource: { text: "a" } }],
    ["an address that is none", { type: "resource_link", uri: "a b", name: "a" }],
    ["a size that is none", { type: "resource_link", uri: "test://a", name: "a", size: -1 }],
  ])("are refused: %s", (_, block) => {
    expect(read(block)).toBe(null);
    expect(read({ type: "text", text: "a" }, block)).toBe(null);
  });

  it("are built anew: what nobody declared is left out and counted", () => {
    expect(
      readContent({
        content: [
          { type: "text", text: "a", _meta: {}, annotations: {} },
          { type: "resource", _meta: {}, resource: { uri: "test://a", text: "b", _meta: {} } },
        ],
        structuredContent: {},
        _meta: {},
      }),
    ).toEqual({
      content: [
        { type: "text", text: "a" },
        { type: "resource", resource: { uri: "test://a", text: "b" } },
      ],
      isError: false,
      undeclared: 6,
    });
  });

  it("never throw", () => {
    const block = fc.oneof(
      fc.jsonValue(),
      fc.record({
        type: fc.constantFrom("text", "image", "resource", "resource_link"),
        text: fc.jsonValue(),
        data: fc.jsonValue(),
        mimeType: fc.jsonValue(),
        uri: fc.jsonValue(),
        resource: fc.jsonValue(),
      }),
    );
    fc.assert(
      fc.property(fc.array(block), (content) => {
        expect(() => readContent({ content: content as Json[] })).not.toThrow();
      }),
    );
  });
});
