import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LockTable } from "../core/model/lock.ts";
import type { Answer, Question } from "../core/model/policy.ts";
import {
  NEW_WORKFLOW,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "../core/session/state.ts";
import type { Bundle } from "../gateway/ports.ts";
import { gatewayBundle } from "./bundle.ts";
import { Ranking } from "./rank.ts";
import { findTools, MAX_FOUND, selectTools } from "./selection.ts";
import { sha256, toolOf } from "./tools.test-support.ts";
import { anyText } from "../core/model/testing-text.ts";

const TOOLS = [
  [
    "tickets_create",
    "Open a ticket",
    "Opens a support ticket for a customer.",
    ["customerId", "text"],
  ],
  ["tickets_list", "List tickets", "Lists support tickets, latest first.", ["status"]],
  [
    "invoices_refund",
    "Give money back",
    "Refunds an invoice of a customer.",
    ["invoiceId", "amount"],
  ],
  ["payroll_list", "Salaries", "What employees earn.", ["employeeId"]],
] as const;
const SEAT: Seat = {
  ...{ id: "seat_1", agent: "support-agent", jkt: "k", parent: null, depth: 0, call: null },
  ...{
    limits: { calls: 9, cost: 9, runtimeMs: 9 },
    used: NOTHING_USED,
    expiresAt: 1,
    lockEpoch: 1,
  },
  tools: TOOLS.map(([id]) => id),
};
const STATE: WorkflowState = {
  ...NEW_WORKFLOW,
  ...{ tenant: "acme", workflow: "wf_1", human: "h", purpose: "case", trust: "support" },
  seats: { seat_1: SEAT },
};
const NO_LOCKS: LockTable = { epoch: 1, locks: [], revocations: [] };
const PERMIT: Answer = { decision: "allow", ruleIds: ["net"], errors: [] };

function bundleOf(asked: Question[] = []): Bundle {
  const tools = TOOLS.map(([id, title, description, names]) =>
    toolOf({
      ...{ tool: { id }, title, description },
      input: { properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])) },
    }),
  );
  const byId = new Map(tools.map((one) => [one.tool.id, one.tool]));
  const evaluate = (question: Question): Answer => {
    asked.push(question);
    return PERMIT;
  };
  return gatewayBundle(
    {
      view: {
        ...{ digest: "d", tool: (id) => byId.get(id), toolIds: [...byId.keys()] },
        ...{ agents: [], trust: [], delegations: [], approvalKinds: [], containment: [] },
      },
      evaluator: { evaluate, authorize: () => PERMIT },
      agents: new Map(),
      tools,
    },
    sha256,
  );
}

const names = (tools: readonly { readonly name: string }[]): readonly string[] =>
  tools.map(({ name }) => name);

describe("finding tools for a task", () => {
  const find = (task: string, most?: number, seat = SEAT, locks: LockTable | null = NO_LOCKS) =>
    names(findTools(bundleOf(), STATE, seat, locks, task, most));

  it.each([
    ["open a ticket for this customer", "tickets_create"],
    ["which tickets are there", "tickets_list"],
    ["refund the invoice", "invoices_refund"],
    ["money back", "invoices_refund"],
    ["salary of an employee", "payroll_list"],
    ["filter by status", "tickets_list"],
    ["INVOICE_ID", "invoices_refund"],
  ])("names for %j first of all %s", (task, first) => {
    expect(find(task)[0]).toBe(first);
  });

  it("finds nothing for words that no tool has, and no more than was asked for", () => {
    expect(find("")).toEqual([]);
    expect(find("weather !?  ")).toEqual([]);
    expect(find("customer ticket", 1)).toHaveLength(1);
    expect(find("customer ticket", MAX_FOUND + 1)).toHaveLength(3);
  });

  it("finds only what the seat is offered", () => {
    const seat = { ...SEAT, tools: ["payroll_list", "tickets_list"] };
    expect(find("open a ticket", 9, seat)).toEqual(["tickets_list"]);
    const lock = { id: "lock_1", target: "tool", value: "tickets_list" } as const;
    expect(find("open a ticket", 9, seat, { ...NO_LOCKS, locks: [lock] })).toEqual([]);
    expect(find("open a ticket", 9, seat, null)).toEqual([]);
  });

  it("puts equals in the order of their ids, however the bundle lists them", () => {
    const texts = ["b", "c", "a"].map((id) => ({
      ...{ id: `${id}_x`, title: "Same words", description: "", argumentNames: [] },
    }));
    fc.assert(
      fc.property(fc.shuffledSubarray(texts, { minLength: 3 }), (shuffled) => {
        expect(new Ranking(shuffled).find("same word")).toEqual(["a_x", "b_x", "c_x"]);
      }),
    );
  });

  it("reads any task, and as much of it as a task can be", () => {
    const ranking = new Ranking([
      { id: "constructor", title: "__proto__", description: "é", argumentNames: ["toString"] },
    ]);
    fc.assert(
      fc.property(anyText(), (task) => {
        expect(ranking.find(task).length).toBeLessThanOrEqual(1);
      }),
    );
    expect(ranking.find("to string")).toEqual(["constructor"]);
    expect(ranking.find(`${"x ".repeat(5_000)}constructor`)).toEqual([]);
  });
});

describe("a list that was worked out before", () => {
  it("is taken again while nothing it depends on has changed, and otherwise not", () => {
    const asked: Question[] = [];
    const bundle = bundleOf(asked);
    const list = (state = STATE, locks = NO_LOCKS, seat = SEAT): number => {
      asked.length = 0;
      selectTools(bundle, state, seat, locks);
      findTools(bundle, state, seat, locks, "ticket");
      return asked.length;
    };
    expect(list()).toBe(TOOLS.length);
    expect(list()).toBe(0);
    expect(list({ ...STATE, used: { ...NOTHING_USED, calls: 3 } })).toBe(0);
    expect(list({ ...STATE, labels: ["pii"] })).toBe(TOOLS.length);
    expect(list(STATE, { ...NO_LOCKS, epoch: 2 })).toBe(TOOLS.length);
    expect(list({ ...STATE, workflow: "wf_2" })).toBe(TOOLS.length);
    expect(list({ ...STATE, tenant: "globex" })).toBe(TOOLS.length);
    expect(list(STATE, NO_LOCKS, { ...SEAT, id: "seat_2" })).toBe(TOOLS.length);
    expect(list(STATE, NO_LOCKS, { ...SEAT, lockEpoch: 2 })).toBe(TOOLS.length);
    const claimed = { tickets: { first: "call_1", critical: false, calls: 1 } };
    expect(list({ ...STATE, writeDomains: claimed as never })).toBe(TOOLS.length);
    expect(list()).toBe(0);
    asked.length = 0;
    selectTools(bundleOf(asked), STATE, SEAT, NO_LOCKS);
    expect(asked).toHaveLength(TOOLS.length);
  });
});
