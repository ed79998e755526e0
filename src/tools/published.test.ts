import { describe, expect, it } from "vitest";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { publish } from "./published.ts";

const CUSTOMERS: AnnotatedSchema = {
  type: "object",
  required: ["rows"],
  properties: {
    rows: {
      type: "array",
      minItems: 1,
      maxItems: 200,
      items: {
        type: "object",
        dataClass: "customer",
        records: [{ dataClass: "vip", when: { properties: { tier: { const: "vip" } } } }],
        required: ["id", "tier", "note"],
        properties: {
          id: { type: "integer", minimum: 1, title: "Id" },
          tier: { type: "string", enum: ["basic", "vip"] },
          kind: { type: "string", const: "person" },
          email: { type: "string", format: "email", dataClass: "contact" },
          phone: { type: ["string", "null"], pattern: "^\\+", dataClass: "contact" },
          region: { type: "string", enum: ["eu", "us"], dataClass: "contact" },
          flag: { type: "boolean", const: true, dataClass: "contact" },
          address: {
            type: "object",
            dataClass: "contact",
            required: ["city"],
            properties: { city: { type: "string" } },
          },
        },
      },
    },
  },
};

describe("the published output schema", () => {
  it("tells fields, not classes; what redaction can null is nullable; nothing else passes", () => {
    expect(publish(classify(CUSTOMERS))).toEqual({
      type: "object",
      required: ["rows"],
      additionalProperties: false,
      properties: {
        rows: {
          type: ["array", "null"],
          maxItems: 200,
          items: {
            type: "object",
            additionalProperties: false,
            required: ["id", "tier"],
            properties: {
              id: { type: ["integer", "null"], minimum: 1, title: "Id" },
              tier: { type: ["string", "null"], enum: ["basic", "vip", null] },
              kind: { type: ["string", "null"], enum: ["person", null] },
              email: { type: ["string", "null"], format: "email" },
              phone: { type: ["string", "null"], pattern: "^\\+" },
              region: { type: ["string", "null"], enum: ["eu", "us", null] },
              flag: { type: ["boolean", "null"], enum: [true, null] },
              address: {
                type: ["object", "null"],
                additionalProperties: false,
                required: ["city"],
                properties: { city: { type: "string" } },
              },
            },
          },
        },
      },
    });
  });

  it("leaves out what nobody classified, and does not require it", () => {
    const published = publish(
      classify({
        type: "object",
        required: ["a", "b"],
        properties: { a: { type: "string" }, b: { type: "string", dataClass: "x" } },
        additionalProperties: { type: "string" },
      }),
    );
    expect(published).toEqual({
      type: "object",
      properties: { b: { type: ["string", "null"] } },
      required: ["b"],
      additionalProperties: false,
    });
  });

  it("keeps maps, with values that may be null, and minItems where no record can be dropped", () => {
    const published = publish(
      classify({
        type: "object",
        dataClass: "x",
        properties: { list: { type: "array", minItems: 2, items: { type: "string" } } },
        additionalProperties: { type: "number", dataClass: "y" },
      }),
    );
    expect(published).toEqual({
      type: "object",
      properties: {
        list: { type: ["array", "null"], minItems: 2, items: { type: "string" } },
      },
      additionalProperties: { type: ["number", "null"] },
    });
  });

  it("names null once among the values", () => {
    const published = publish(
      classify({
        type: "object",
        dataClass: "x",
        properties: { a: { type: ["string", "null"], enum: ["b", null] } },
      }),
    );
    expect(published).toMatchObject({
      properties: { a: { type: ["string", "null"], enum: ["b", null] } },
    });
  });

  it("keeps both a constant and a list of values to it", () => {
    const published = publish(
      classify({
        type: "object",
        dataClass: "x",
        properties: { a: { type: "string", enum: ["b", "c"], const: "b" } },
      }),
    );
    expect(published).toMatchObject({ properties: { a: { enum: ["b", null] } } });
  });

  it("promises no constant object, since something in it may be withheld", () => {
    const published = publish(
      classify({
        type: "object",
        dataClass: "x",
        properties: {
          a: { type: "object", const: { b: 1 }, properties: { b: { type: "integer" } } },
        },
      }),
    );
    expect(published).toMatchObject({ properties: { a: { type: ["object", "null"] } } });
    expect(JSON.stringify(published)).not.toContain("const");
    expect(JSON.stringify(published)).not.toContain("enum");
  });

  it("lets a record that is no item be null", () => {
    const record: AnnotatedSchema = {
      type: "object",
      records: [{ dataClass: "vip" }],
      properties: { id: { type: "string" } },
    };
    const published = publish(
      classify({
        type: "object",
        dataClass: "x",
        properties: { a: { type: "object", properties: { customer: record } } },
      }),
    );
    expect(published).toMatchObject({
      properties: { a: { properties: { customer: { type: ["object", "null"] } } } },
    });
  });
});
