import { describe, expect, it } from "vitest";
import {
  answered,
  callCommand,
  failing,
  fitting,
  readTool,
  sha256,
  type World,
  worldOf,
} from "../testing.ts";
import { exhausted, shrink } from "./budget.ts";
import { decide } from "./decide.ts";
import { MAX_REPORTED_TOKENS } from "./limits.ts";
import { NOTHING_USED } from "./state.ts";

const small = readTool({ maxResultBytes: 400 });
const report = (world: World, tokens: number): unknown =>
  world.submit({ type: "reportUsage", seat: "seat_1", tokens }).result;
const over = (rule: string): object => ({
  kind: "denied",
  code: "budget_exhausted",
  policyClass: "budget",
  ruleIds: [rule],
});
const bytes = (call: string, count: number): ReturnType<typeof answered> => {
  const { settlement } = answered(call);
  if (settlement.kind !== "answered") throw new Error(settlement.kind);
  return answered(call, { settlement: { ...settlement, bytes: count } });
};

describe("tokens", () => {
  it("are reserved for the largest result, metered by the real one, and never more", () => {
    const world = worldOf([small], {}, { tokens: 250 });
    world.submit(callCommand("call_1"));
    expect(world.state.used.tokens).toBe(100);
    world.submit(callCommand("call_2"));
    expect(world.submit(callCommand("call_3")).result).toEqual(over("core:budget.tokens"));
    world.submit(bytes("call_1", 41));
    expect(world.state.used.tokens).toBe(111);
    world.submit(bytes("call_2", 1e9));
    expect(world.state.used.tokens).toBe(111);
    expect(world.submit(callCommand("call_3")).result.kind).toBe("admitted");
  });

  it("are counted, but not reserved, where nobody has a ceiling for them", () => {
    const world = worldOf([small]);
    world.submit(callCommand("call_1"));
    expect(world.state.used.tokens).toBe(0);
    world.submit(bytes("call_1", 2_000));
    expect(world.state.used.tokens).toBe(500);
  });

  it("that the agent reports stop its next call, also beyond the ceiling", () => {
    const world = worldOf([small], {}, { tokens: 300 });
    world.submit(callCommand("call_1"));
    expect(report(world, 10_000)).toEqual({ kind: "done" });
    expect(world.events.at(-1)).toMatchObject({
      type: "usage.reported",
      seat: "seat_1",
      chain: ["support-agent"],
      tokens: 10_000,
    });
    // What is out already comes back; the next one does not leave.
    expect(world.submit(answered("call_1")).result).toMatchObject({ outcome: "ok" });
    expect(world.submit(callCommand("call_2")).result).toEqual(over("core:budget.tokens"));
  });

  it("that fill the ceiling to the last one admit nothing more", () => {
    const world = worldOf([small], {}, { tokens: 300 });
    report(world, 200);
    expect(world.submit(callCommand("call_1")).result.kind).toBe("admitted");
    const full = worldOf([small], {}, { tokens: 300 });
    report(full, 201);
    expect(full.submit(callCommand("call_1")).result).toEqual(over("core:budget.tokens"));
  });

  it.each([0, -5, 0.5, NaN, Infinity, MAX_REPORTED_TOKENS + 1])(
    "of a report of %s are not believed: usage only ever grows",
    (tokens) => {
      const world = worldOf([small]);
      // Asked directly: some of these have no JSON form that could be sealed.
      const command = { type: "reportUsage", seat: "seat_1", tokens } as const;
      expect(decide(world.state, command, world.facts, "")).toEqual({
        events: [],
        result: { kind: "ignored" },
      });
    },
  );

  it("are reported under a lock as well, but not after the end", () => {
    const world = worldOf([small]);
    world.lock({ id: "l1", target: "workflow", value: "wf_1" });
    expect(report(world, 5)).toEqual({ kind: "done" });
    world.locks = null;
    expect(report(world, 5)).toEqual({ kind: "done" });
    world.submit({ type: "close", seat: null });
    expect(report(world, 5)).toEqual({ kind: "ignored" });
  });

  it("are shown to policy after the reservation", () => {
    const world = worldOf([small], {}, { tokens: 1_000 });
    report(world, 7);
    const seen: unknown[] = [];
    const { script } = world;
    world.script = (question) => {
      seen.push(question.context["tokens"]);
      return script(question);
    };
    world.submit(callCommand("call_1"));
    expect(new Set(seen)).toEqual(new Set([107]));
  });
});

describe("a cap of one tool", () => {
  it("holds for that tool and no other, and comes back with a call that never left", () => {
    const tools = [readTool(), readTool({ id: "other" })];
    const world = worldOf(tools, {}, { tools: { customers_find: 2 } });
    world.submit(callCommand("call_1"));
    world.submit(callCommand("call_2"));
    expect(world.submit(callCommand("call_3")).result).toEqual(over("core:budget.tool"));
    expect(world.submit(callCommand("call_4", { tool: "other" })).result.kind).toBe("admitted");
    world.submit(failing("call_1", "not_dispatched", "none"));
    expect(world.submit(callCommand("call_5")).result.kind).toBe("admitted");
    expect(world.state.used.tools).toEqual({ customers_find: 2, other: 1 });
  });

  it.each(["constructor", "__proto__"])("named %s is only what was set", (id) => {
    const world = worldOf([readTool({ id })]);
    expect(world.submit(callCommand("call_1", { tool: id })).result.kind).toBe("admitted");
    expect(Object.entries(world.state.used.tools)).toEqual([[id, 1]]);
    expect(exhausted(NOTHING_USED, { calls: 1, cost: 1, runtimeMs: 1, tools: {} }, id)).toBeNull();
  });
});

describe("1,000 calls against a budget of 100", () => {
  it.each([
    ["calls", { calls: 100 }, "core:budget.calls"],
    ["cost", { cost: 1_000 }, "core:budget.cost"],
    ["runtime", { runtimeMs: 100_000 }, "core:budget.runtime"],
    ["tokens", { tokens: 10_000 }, "core:budget.tokens"],
    ["one tool", { tools: { customers_find: 100 } }, "core:budget.tool"],
  ] as const)("of %s: exactly 100 are admitted", (_name, limits, rule) => {
    const world = worldOf([small], {}, limits);
    const answers = Array.from({ length: 1_000 }, (_, n) => {
      const shaped = fitting({ operation: sha256(`operation ${n}`) });
      return world.submit(callCommand(`call_${n}`, { shaped })).result;
    });
    expect(answers.filter(({ kind }) => kind === "admitted")).toHaveLength(100);
    expect(answers[100]).toEqual(over(rule));
  });
});

describe("ceilings that are asked for", () => {
  const most = { calls: 10, cost: 20, runtimeMs: 30 };
  it.each([
    [undefined, most],
    [
      { calls: 99, cost: 1 },
      { ...most, cost: 1 },
    ],
    [{ tokens: 5 }, { ...most, tokens: 5 }],
    [{ tools: { a: 1 } }, { ...most, tools: { a: 1 } }],
  ])("%j only lower those that are", (asked, limits) => {
    expect(shrink(most, asked)).toEqual(limits);
  });

  it("lower, but never remove, a cap of tokens or of a tool", () => {
    const capped = { ...most, tokens: 7, tools: { a: 2, b: 3 } };
    expect(shrink(capped, { tokens: 9, tools: { a: 5, b: 1, c: 4 } })).toEqual({
      ...capped,
      tools: { a: 2, b: 1, c: 4 },
    });
    expect(shrink(capped, {})).toEqual(capped);
    expect(shrink(capped, { tools: {} })).toEqual(capped);
  });
});
