import { describe, expect, it } from "vitest";
import { checkBundle } from "../bundle/check.ts";
import { importOpenApi, type Import } from "./import.ts";
import { placeTools } from "./place.ts";
import { bundleWithService, imported, TARGET } from "./testing.ts";

const FORM = "application/x-www-form-urlencoded";
const TEXT = { type: "string" } as const;
const responses = { 204: { description: "" } };

function asked(schema: object, more: object = {}): Import {
  const requestBody = { required: true, content: { [FORM]: { schema, ...more } } };
  return imported({ operationId: "charge", requestBody, responses }, "/charges", "post");
}

const codes = (result: Import): readonly string[] =>
  result.notes
    .filter(({ code }) => code !== "response_missing")
    .map(({ level, code, pointer }) => `${level} ${code} ${pointer}`);
const AT = `/paths/~1charges/post/requestBody/content/${FORM.replace("/", "~1")}`;

describe("a form of an OpenAPI document", () => {
  it("becomes fields, as far as the document says how they are sent", async () => {
    const result = asked(
      {
        type: "object",
        required: ["amount"],
        properties: {
          amount: { type: "integer" },
          "on-behalf-of": TEXT,
          tags: { type: "array", items: TEXT },
          ids: { type: "array", items: { type: "integer" } },
          metadata: { type: "object", additionalProperties: TEXT },
          card: { type: "object", properties: { number: TEXT, cvc: TEXT } },
        },
      },
      {
        encoding: {
          ids: { style: "form", explode: false },
          metadata: { style: "deepObject", explode: true },
          card: { style: "deepObject" },
        },
      },
    );
    expect(codes(result)).toEqual([]);
    expect(result.tools[0]?.tool["http"]).toEqual({
      ...{ method: "POST", path: "/charges", encoding: "form" },
      body: [
        "amount",
        { argument: "onBehalfOf", name: "on-behalf-of" },
        "tags",
        { argument: "ids", list: "comma" },
        { argument: "metadata", object: "brackets" },
        { argument: "card", object: "brackets" },
      ],
    });
    const files = await bundleWithService();
    const { writes } = placeTools(files, result, TARGET.classOf);
    const checked = checkBundle({ ...files, ...writes });
    expect(checked.ok ? [] : checked.mistakes).toEqual([]);
  });

  it.each<[string, object, object, string]>([
    ["an object without a style", { type: "object", properties: { a: TEXT } }, {}, "deepObject"],
    ["an object of anything", { type: "object" }, { it: { style: "deepObject" } }, "nothing of"],
    [
      "a list of objects",
      { type: "array", items: { type: "object", properties: { a: TEXT } } },
      {},
      "only with deepObject",
    ],
    [
      "a list with pipes",
      { type: "array", items: TEXT },
      { it: { style: "pipeDelimited" } },
      "repeated",
    ],
  ])("does not guess how %s is sent", (_, it, encoding, why) => {
    const properties = { name: TEXT, it };
    const optional = asked({ type: "object", properties }, { encoding });
    expect(codes(optional)).toEqual([`changed parameter_style ${AT}/schema/properties/it`]);
    expect(optional.notes.map(({ message }) => message).join()).toContain(why);
    expect(optional.tools[0]?.tool["http"]).toMatchObject({ body: ["name"], encoding: "form" });
    const required = asked({ type: "object", properties, required: ["it"] }, { encoding });
    expect(required.tools).toEqual([]);
    expect(codes(required)).toContain(`skipped parameter_style ${AT}/schema/properties/it`);
  });

  it("holds what is nested and lists by their places, for a person to confirm", async () => {
    const recurring = { type: "object", required: ["interval"], properties: { interval: TEXT } };
    const price = { type: "object", properties: { currency: TEXT, recurring } };
    const result = asked(
      {
        type: "object",
        properties: {
          expand: { type: "array", items: TEXT },
          items: { type: "array", items: price },
          // As Stripe says of most of them: an object, or an empty text that removes it.
          metadata: {
            anyOf: [
              { type: "object", additionalProperties: TEXT },
              { type: "string", enum: [""] },
            ],
          },
          shipping: {
            type: "object",
            properties: {
              name: { type: ["string", "null"] },
              anything: {},
              files: { type: "array" },
            },
          },
        },
      },
      {
        encoding: Object.fromEntries(
          ["expand", "items", "metadata", "shipping"].map((name) => [
            name,
            { style: "deepObject" },
          ]),
        ),
      },
    );
    const tool = result.tools[0]?.tool ?? {};
    expect(tool["http"]).toMatchObject({
      body: [
        { argument: "expand", list: "brackets" },
        { argument: "items", list: "brackets" },
        { argument: "metadata", object: "brackets" },
        { argument: "shipping", object: "brackets" },
      ],
    });
    expect(tool["review"]).toContain("http");
    expect(tool["input"]).toMatchObject({
      properties: {
        metadata: { type: "object", additionalProperties: TEXT },
        items: { items: { properties: { recurring }, additionalProperties: false } },
        shipping: { properties: { name: TEXT }, additionalProperties: false },
      },
    });
    expect(codes(result)).toContain(`changed parameter_style ${AT}/schema/properties/shipping`);
    const files = await bundleWithService();
    const { writes } = placeTools(files, result, TARGET.classOf);
    const checked = checkBundle({ ...files, ...writes });
    expect(checked.ok ? [] : checked.mistakes).toEqual([]);
  });

  it("is sent in the same way as a query is", async () => {
    const range = { type: "object", properties: { gte: { type: "integer" } } };
    const parameter = { name: "created", in: "query", style: "deepObject", explode: true };
    const schema = { anyOf: [range, { type: "integer" }] };
    const parameters = [{ ...parameter, schema }];
    const result = imported({ operationId: "list", parameters, responses }, "/charges");
    const tool = result.tools[0]?.tool ?? {};
    expect(tool["http"]).toMatchObject({ query: [{ argument: "created", object: "brackets" }] });
    expect(tool["input"]).toMatchObject({
      properties: { created: { ...range, additionalProperties: false } },
    });
    // One level of an object is what OpenAPI says of deepObject, and no guess.
    expect(tool["review"]).not.toContain("http");
    const files = await bundleWithService();
    const { writes } = placeTools(files, result, TARGET.classOf);
    const checked = checkBundle({ ...files, ...writes });
    expect(checked.ok ? [] : checked.mistakes).toEqual([]);
  });

  it("is not taken where the same body is wanted as JSON, too", () => {
    const schema = { type: "object", properties: { a: TEXT } };
    const content = { [FORM]: { schema }, "application/json": { schema } };
    const result = imported({ requestBody: { content }, responses }, "/charges", "post");
    expect(result.tools[0]?.tool["http"]).not.toHaveProperty("encoding");
  });

  it.each([
    ["multipart/form-data", "in parts"],
    ["text/csv", "plain forms"],
  ])("is not what %s is, and the notes say so", (type, why) => {
    const requestBody = { required: true, content: { [type]: { schema: { type: "object" } } } };
    const result = importOpenApi(
      JSON.stringify({
        openapi: "3.0.3",
        paths: { "/files": { post: { requestBody, responses } } },
      }),
      TARGET,
    );
    expect(result.tools).toEqual([]);
    expect(result.notes[0]).toMatchObject({ level: "skipped", code: "body_media_type" });
    expect(result.notes[0]?.message).toContain(why);
  });

  it("without a field that can be sent is no operation, or has no body where none is needed", () => {
    expect(codes(asked({ type: "object" }))).toEqual([`skipped body_media_type ${AT}`]);
    const requestBody = { content: { [FORM]: { schema: { type: "object" } } } };
    const result = imported({ requestBody, responses }, "/charges", "post");
    expect(codes(result)).toEqual([`changed body_media_type ${AT}`]);
    expect(result.tools[0]?.tool["http"]).not.toHaveProperty("body");
  });
});
