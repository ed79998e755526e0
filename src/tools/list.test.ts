import { describe, expect, it } from "vitest";
import type { LockTable, LockTarget } from "../core/model/lock.ts";
import type { Action, Answer, Evaluator, Question } from "../core/model/policy.ts";
import { NEW_WORKFLOW, type Seat, type WorkflowState } from "../core/session/state.ts";
import type { Bundle } from "../gateway/ports.ts";
import type { ToolDescription } from "../policy/bundle/model.ts";
import { gatewayBundle } from "./bundle.ts";
import { listTools } from "./list.ts";

const SEAT: Seat = {
  id: "seat_1",
  agent: "support-agent",
  jkt: "thumbprint",
  parent: null,
  depth: 0,
  tools: ["tickets_create", "customers_find", "payroll_read", "not_in_the_bundle"],
  expiresAt: 1,
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
  used: { calls: 7, cost: 7, runtimeMs: 7 },
};
const NO_LOCKS: LockTable = { epoch: 1, locks: [] };
const PERMIT: Answer = { decision: "allow", ruleIds: ["net"], errors: [] };

function tool(id: string, destination: string, action: Action = "read"): ToolDescription {
  return {
    tool: {
      id,
      definition: "d",
      destination,
      action,
      tier: "internal",
      dataClasses: ["x"],
      labels: [],
      policyArguments: [],
      cost: 1,
      timeoutMs: 1,
      maxResultBytes: 1,
    },
    title: `Title of ${id}`,
    description: `What ${id} does`,
    destination: { id: destination, kind: "http", network: "acme", tier: "internal" },
    template: { kind: "http", method: "GET", path: "/", query: [], body: null },
    input: { properties: {} },
    output: { kind: "text", dataClass: "x" },
  };
}

function bundleOf(evaluate: Evaluator["evaluate"]): Bundle {
  const customers = tool("customers_find", "billing");
  const tools: ToolDescription[] = [
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
  ];
  const byId = new Map(tools.map((one) => [one.tool.id, one.tool]));
  return gatewayBundle(
    {
      view: { digest: "digest", tool: (id) => byId.get(id), toolIds: [...byId.keys()], trust: [] },
      evaluator: { evaluate },
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
        { epoch: 1, locks: [{ id: "l", target, value }] },
      ),
    ).toEqual(left);
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
