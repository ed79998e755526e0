import { describe, expect, it } from "vitest";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { compileCanaryCount } from "./canaries.ts";
import { classify } from "./classify.ts";
import { compileFinisher } from "./finish.ts";
import { answerOf, planOf, limited } from "./tools.test-support.ts";

const TRAP = { required: ["trap"], properties: { trap: { const: true } } };
const SCHEMA: AnnotatedSchema = {
  type: "object",
  properties: {
    rows: {
      type: "array",
      items: {
        type: "object",
        dataClass: "customer",
        records: [
          { dataClass: "vip", when: { required: ["vip"] } },
          { dataClass: "customer", canary: true, when: TRAP },
        ],
        properties: {
          id: { type: "integer" },
          trap: { type: "boolean" },
          vip: { type: "boolean" },
          orders: {
            type: "array",
            items: {
              type: "object",
              records: [{ dataClass: "order", canary: true, when: TRAP }],
              properties: { trap: { type: "boolean" }, note: { type: "string" } },
            },
          },
        },
        additionalProperties: false,
      },
    },
  },
};
const finish = compileFinisher({ kind: "json", schema: SCHEMA }, classify(SCHEMA), limited(65_536));
const canariesIn = (rows: readonly object[], plan = planOf(["customer", "vip", "order"])) => {
  const finished = finish(answerOf({ rows: rows as never }), plan);
  return finished.ok ? finished.canaries : finished.code;
};

describe("counting canary records", () => {
  it("counts each record that is one, and no other", () => {
    expect(canariesIn([{ id: 1 }, { id: 2, trap: false }])).toBe(0);
    expect(canariesIn([{ id: 1, trap: true }, { id: 2 }, { id: 3, trap: true }])).toBe(2);
  });

  it("finds them inside other records", () => {
    expect(canariesIn([{ id: 1, trap: true, orders: [{ trap: true }, { trap: false }] }])).toBe(2);
  });

  it("counts records that the agent never gets to see: dropped, withheld or both", () => {
    const plan = planOf(["vip"], ["customer", "order"]);
    expect(canariesIn([{ id: 1, trap: true }], plan)).toBe(1);
    const noVip = planOf(["customer", "order"], ["vip"]);
    expect(canariesIn([{ id: 1, vip: true, trap: true, orders: [{ trap: true }] }], noVip)).toBe(2);
  });

  it("is no trap for a schema without one, whatever the answer holds", () => {
    const plain: AnnotatedSchema = {
      type: "object",
      records: [{ dataClass: "vip", when: TRAP }],
      properties: { trap: { type: "boolean", dataClass: "vip" } },
    };
    expect(compileCanaryCount(classify(plain))({ trap: true })).toBe(0);
    const marked = { ...plain, records: [{ dataClass: "vip", canary: true }] };
    expect(compileCanaryCount(classify(marked))({})).toBe(1);
  });

  it("looks at map values, and takes nothing from a prototype", () => {
    const map: AnnotatedSchema = {
      type: "object",
      additionalProperties: {
        type: "object",
        records: [{ dataClass: "x", canary: true, when: TRAP }],
        properties: { trap: { type: "boolean", dataClass: "x" } },
      },
    };
    const count = compileCanaryCount(classify(map));
    expect(count({ a: { trap: true }, constructor: { trap: true }, b: {} })).toBe(2);
    expect(count({ a: [{ trap: true }] })).toBe(0);
  });
});
