import { describe, expect, it } from "vitest";
import type { LockTable, LockTarget } from "../core/model/lock.ts";
import type { Action, Answer, Evaluator, Question } from "../core/model/policy.ts";
import {
  NEW_WORKFLOW,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "../core/session/state.ts";
import type { Bundle } from "../gateway/ports.ts";
import type { ToolDescription } from "../policy/bundle/model.ts";
import { gatewayBundle } from "./bundle.ts";
import { listTools } from "./list.ts";
import { toolOf } from "./tools.test-support.ts";

const SEAT: Seat = {
  id: "seat_1",
  agent: "support-agent",
  jkt: "thumbprint",
  parent: null,
  depth: 0,
  tools: ["tickets_create", "customers_find", "payroll_read", "not_in_the_bundle"],
  limits: { calls: 9, cost: 9, runtimeMs: 9 },
  used: NOTHING_USED,
  expiresAt: 1,
  lockEpoch: 1,
  call: null,
};
const STATE: WorkflowState = {
  ...NEW_WORKFLOW,
  tenant: "acme",
  workflow: "wf_1",
  human: "h",
  purpose: "support-case",
  trust: "support",
  labels: ["pii"],
  seats: { seat_1: SEAT },
  used: { ...NOTHING_USED, calls: 7, cost: 7, runtimeMs: 7 },
};
const NO_LOCKS: LockTable = { epoch: 1, locks: [], revocations: [] };
const PERMIT: Answer = { decision: "allow", ruleIds: ["net"], errors: [] };

function tool(id: string, destination: string, action: Action = "read"): ToolDescription {
  return toolOf({
    tool: { id, destination, action, definition: `definition of ${id}` },
    title: `Title of ${id}`,
    description: `What ${id} does`,
    destination: { id: destination, kind: "http", network: "acme", tier: "internal" },
    input: { properties: {} },
  });
}

function bundleOf(evaluate: Evaluator["evaluate"], unreviewed?: string): Bundle {
  const vault = tool("vault_dump", "vault");
  const customers = tool("customers_find", "billing");
  const all: ToolDescription[] = [
    {
      ...customers,
      output: {
        kind: "json",
        schema: { type: "object", properties: { name: { type: "string", dataClass: "x" } } },
      },
    },
    tool("payroll_read", "payroll"),
    tool("tickets_create", "tickets", "mutate"),
    tool("tickets_delete", "tickets", "execute"),
    { ...vault, tool: { ...vault.tool, canary: true } },
  ];
  const tools = all.map((one) =>
    one.tool.id === unreviewed ? { ...one, tool: { ...one.tool, reviewed: false } } : one,
  );
  const byId = new Map(tools.map((one) => [one.tool.id, one.tool]));
  return gatewayBundle(
    {
      view: {
        digest: "digest",
        tool: (id) => byId.get(id),
        toolIds: [...byId.keys()],
        agents: ["support-agent"],
        trust: [],
        delegations: [],
        approvalKinds: [],
        containment: [],
      },
      evaluator: { evaluate, authorize: () => PERMIT },
      agents: new Map(),
      tools,
    },
    () => "",
  );
}

const names = (
  bundle: Bundle,
  locks: LockTable | null = NO_LOCKS,
  seat = SEAT,
): readonly string[] => listTools(bundle, STATE, seat, locks).map(({ name }) => name);

describe("listing tools", () => {
  it("tells a tool as MCP does, with hints from the action of the bundle", () => {
    expect(
      listTools(
        bundleOf(() => PERMIT),
        STATE,
        SEAT,
        NO_LOCKS,
      ),
    ).toEqual([
      {
        name: "customers_find",
        title: "Title of customers_find",
        description: "What customers_find does",
        inputSchema: { type: "object", properties: {}, additionalProperties: false },
        outputSchema: {
          type: "object",
          properties: { name: { type: ["string", "null"] } },
          additionalProperties: false,
        },
        annotations: { readOnlyHint: true, destructiveHint: false },
      },
      expect.objectContaining({
        name: "payroll_read",
        annotations: { readOnlyHint: true, destructiveHint: false },
      }),
      {
        name: "tickets_create",
        title: "Title of tickets_create",
        description: "What tickets_create does",
        inputSchema: { type: "object", properties: {}, additionalProperties: false },
        annotations: { readOnlyHint: false, destructiveHint: true },
      },
    ]);
  });

  it("lists each tool of the seat once, by id, and no other", () => {
    const seat = { ...SEAT, tools: ["tickets_delete", "tickets_create", "tickets_delete"] };
    expect(
      names(
        bundleOf(() => PERMIT),
        NO_LOCKS,
        seat,
      ),
    ).toEqual(["tickets_create", "tickets_delete"]);
  });

  it("asks whether the agent may connect, with nothing used", () => {
    const asked: Question[] = [];
    names(
      bundleOf((question) => {
        asked.push(question);
        return PERMIT;
      }),
    );
    expect(asked.map(({ resource }) => resource.id)).toEqual(["billing", "payroll", "tickets"]);
    expect(asked[0]).toMatchObject({
      policyClass: "network",
      action: "connect",
      principal: "support-agent",
      resource: { type: "Destination", id: "billing" },
      context: {
        tool: "customers_find",
        labels: ["pii"],
        calls: 0,
        cost: 0,
        runtimeMs: 0,
        arguments: {},
      },
    });
  });

  it.each<[string, Evaluator["evaluate"]]>([
    ["denied", () => ({ decision: "deny", ruleIds: ["no"], errors: [] })],
    ["denied by default", () => ({ decision: "deny", ruleIds: [], errors: [] })],
    ["allowed by no rule", () => ({ decision: "allow", ruleIds: [], errors: [] })],
    ["allowed while a rule fails", () => ({ ...PERMIT, errors: ["broken"] })],
    [
      "a trap",
      () => {
        throw new Error("trap");
      },
    ],
  ])("leaves out what is %s", (_, evaluate) => {
    const bundle = bundleOf((question) =>
      question.resource.id === "payroll" ? evaluate(question) : PERMIT,
    );
    expect(names(bundle)).toEqual(["customers_find", "tickets_create"]);
  });

  it.each<[LockTarget, string, readonly string[]]>([
    ["tool", "payroll_read", ["customers_find", "tickets_create"]],
    ["destination", "tickets", ["customers_find", "payroll_read"]],
    ["definition", "definition of payroll_read", ["customers_find", "tickets_create"]],
    ["connector", "payroll", ["customers_find", "payroll_read", "tickets_create"]],
    ["bundle", "digest", []],
    ["tenant", "acme", []],
    ["human", "h", []],
    ["agent", "support-agent", []],
    ["key", "thumbprint", []],
    ["workflow", "wf_1", []],
    ["workflow", "wf_2", ["customers_find", "payroll_read", "tickets_create"]],
  ])("leaves out what a lock on %s %s holds", (target, value, left) => {
    expect(
      names(
        bundleOf(() => PERMIT),
        { epoch: 1, locks: [{ id: "l", target, value }], revocations: [] },
      ),
    ).toEqual(left);
  });

  it("leaves out everything when whoever stands behind the seat is locked", () => {
    const root: Seat = { ...SEAT, id: "seat_0", agent: "root-agent", jkt: "root key" };
    const seat: Seat = { ...SEAT, parent: "seat_0", depth: 1 };
    const state = { ...STATE, seats: { seat_0: root, seat_1: seat } };
    const locks: LockTable = {
      ...NO_LOCKS,
      locks: [{ id: "l", target: "agent", value: "root-agent" }],
    };
    const bundle = bundleOf(() => PERMIT);
    expect(listTools(bundle, state, seat, locks)).toEqual([]);
    expect(listTools(bundle, state, seat, NO_LOCKS)).toHaveLength(3);
  });

  it("offers nothing to a seat from before a lock that is gone", () => {
    const gone: LockTable = {
      epoch: 3,
      locks: [],
      revocations: [{ id: "l", target: "agent", value: "support-agent", epoch: 2 }],
    };
    expect(
      names(
        bundleOf(() => PERMIT),
        gone,
      ),
    ).toEqual([]);
    expect(
      names(
        bundleOf(() => PERMIT),
        gone,
        { ...SEAT, lockEpoch: 2 },
      ),
    ).toHaveLength(3);
  });

  it("lists a canary like any other tool, and tells nobody that it is one", () => {
    const seat = { ...SEAT, tools: ["vault_dump"] };
    const [listed] = listTools(
      bundleOf(() => PERMIT),
      STATE,
      seat,
      NO_LOCKS,
    );
    expect(listed?.name).toBe("vault_dump");
    expect(JSON.stringify(listed)).not.toContain("canary");
    const locks: LockTable = {
      ...NO_LOCKS,
      locks: [{ id: "l", target: "tool", value: "vault_dump" }],
    };
    expect(
      names(
        bundleOf(() => PERMIT),
        locks,
        seat,
      ),
    ).toEqual([]);
  });

  it("leaves out what nobody has reviewed", () => {
    expect(names(bundleOf(() => PERMIT, "payroll_read"))).toEqual([
      "customers_find",
      "tickets_create",
    ]);
  });

  it("looks at no tool of the bundle again when a seat asks", () => {
    const bundle: Bundle = {
      ...bundleOf(() => PERMIT),
      tool: () => {
        throw new Error("this was ready when the bundle was compiled");
      },
    };
    expect(names(bundle)).toEqual(["customers_find", "payroll_read", "tickets_create"]);
  });

  it("offers nothing where nobody can vouch for the locks", () => {
    expect(
      names(
        bundleOf(() => PERMIT),
        null,
      ),
    ).toEqual([]);
  });
});
