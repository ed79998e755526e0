import type { CallToolResult } from "@modelcontextprotocol/server";
import { type SuiteTools, text } from "./tool.ts";

const RED_PIXEL_PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

const CONTACT = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
} as const;

const REPORT = { city: "Lisbon", readings: [{ hour: 6, celsius: 14.5 }], complete: true };

/** Tools that answer with one kind of content each. */
export const CONTENT_TOOLS: SuiteTools = {
  // Of this kind the suite has no tool, nor of `resource_link`.
  structured_report: {
    description: "Returns an object, and its text for those who read no objects.",
    output: {
      type: "object",
      properties: {
        city: { type: "string" },
        readings: {
          type: "array",
          items: {
            type: "object",
            properties: { hour: { type: "integer" }, celsius: { type: "number" } },
          },
        },
        complete: { type: "boolean" },
      },
      required: ["city", "readings", "complete"],
    },
    run: () => ({ ...text(JSON.stringify(REPORT)), structuredContent: REPORT }),
  },
  json_schema_2020_12_tool: {
    description: "Tool with JSON Schema 2020-12 features.",
    schema: CONTACT,
    run: () => text("Noted."),
  },
  test_simple_text: {
    description: "Returns a text.",
    run: () => text("This is a simple text response for testing."),
  },
  test_image_content: {
    description: "Returns an image of one pixel.",
    run: () => content({ type: "image", data: RED_PIXEL_PNG, mimeType: "image/png" }),
  },
  test_audio_content: {
    description: "Returns a silent sound.",
    run: () => content({ type: "audio", data: silence(), mimeType: "audio/wav" }),
  },
  test_embedded_resource: {
    description: "Returns a resource as content.",
    run: () =>
      content({
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content.",
        },
      }),
  },
  resource_link: {
    description: "Returns where a resource is.",
    run: () =>
      content({
        ...{ type: "resource_link", uri: "test://linked-resource", name: "linked", size: 12 },
        ...{ title: "A linked resource", description: "Elsewhere", mimeType: "text/plain" },
      }),
  },
  test_multiple_content_types: {
    description: "Returns a text, an image and a resource.",
    run: () =>
      content(
        { type: "text", text: "Multiple content types test:" },
        { type: "image", data: RED_PIXEL_PNG, mimeType: "image/png" },
        {
          type: "resource",
          resource: {
            uri: "test://mixed-content-resource",
            mimeType: "application/json",
            text: '{"test":"data","value":123}',
          },
        },
      ),
  },
  test_error_handling: {
    description: "Always fails, for the suite to see how a failure is told.",
    run: () => ({ ...text("This tool intentionally returns an error."), isError: true }),
  },
};

function content(...blocks: CallToolResult["content"]): CallToolResult {
  return { content: blocks };
}

/** The shortest wave file that is one: a header and a single silent sample. */
function silence(): string {
  const wave = Buffer.alloc(46);
  wave.write("RIFF", 0);
  wave.writeUInt32LE(38, 4);
  wave.write("WAVEfmt ", 8);
  wave.writeUInt32LE(16, 16);
  wave.writeUInt16LE(1, 20);
  wave.writeUInt16LE(1, 22);
  wave.writeUInt32LE(8_000, 24);
  wave.writeUInt32LE(16_000, 28);
  wave.writeUInt16LE(2, 32);
  wave.writeUInt16LE(16, 34);
  wave.write("data", 36);
  wave.writeUInt32LE(2, 40);
  return wave.toString("base64");
}
