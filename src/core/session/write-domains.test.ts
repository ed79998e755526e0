import { describe, expect, it } from "vitest";
import type { Tool } from "../model/bundle.ts";
import type { CallCommand } from "../model/command.ts";
import {
  answered,
  approvalKind,
  approve,
  bundleOf,
  callCommand,
  DOWN,
  failing,
  fitting,
  needing,
  openWorld,
  previewed,
  seatCommand,
  sha256,
  type World,
  worldOf,
  writeTool,
} from "../testing.ts";

describe("write domains", () => {
  it("are claimed at admission and stick whatever the outcome, but for a call that never left", () => {
    const world = openWorld();
    world.submit(callCommand("call_1", { tool: "tickets_open" }));
    world.submit(
      callCommand("call_2", {
        tool: "tickets_open",
        shaped: fitting({ operation: sha256("another") }),
      }),
    );
    world.submit({
      type: "settle",
      call: "call_1",
      settlement: { kind: "failed", code: "not_dispatched", effect: "none" },
      runtimeMs: 0,
    });
    expect(world.state.writeDomains).toEqual({
      tickets: { calls: 1, first: "call_1", critical: false },
    });
    world.submit({
      type: "settle",
      call: "call_2",
      settlement: { kind: "failed", code: "upstream_rejected", effect: "none" },
      runtimeMs: 5,
    });
    expect(world.state.writeDomains).toEqual({
      tickets: { calls: 1, first: "call_1", critical: false },
    });
  });

  it.each(["constructor", "__proto__", "tostring"])("may be called %s", (writeDomain) => {
    const world = openWorld();
    world.bundle = bundleOf([writeTool({ writeDomain })]);
    world.submit(callCommand("call_1", { tool: "tickets_open" }));
    expect(Object.entries(world.state.writeDomains)).toEqual([
      [writeDomain, { calls: 1, first: "call_1", critical: false }],
    ]);
    world.submit({
      type: "settle",
      call: "call_1",
      settlement: { kind: "failed", code: "not_dispatched", effect: "none" },
      runtimeMs: 0,
    });
    expect(Object.entries(world.state.writeDomains)).toEqual([]);
  });
});

describe("critical domains", () => {
  const critical = (id: string, more: Partial<Tool> = {}): Tool =>
    writeTool({ id, definition: sha256(id), writeDomain: id, critical: true, ...more });
  const TOOLS = [critical("payroll"), critical("deploys"), writeTool()];
  const call = (id: string, tool: string, more: Partial<CallCommand> = {}): CallCommand =>
    callCommand(id, { tool, shaped: fitting({ operation: sha256(id) }), ...more });
  const TAKEN = {
    kind: "denied",
    code: "critical_domain_taken",
    policyClass: null,
    ruleIds: ["core:write-domain"],
    blockedBy: "call_1",
  };

  function world(tools: readonly Tool[] = TOOLS): World {
    const one = worldOf(tools, { delegations: [DOWN], approvalKinds: [approvalKind("finance")] });
    one.submit(seatCommand("seat_2"));
    return one;
  }

  it("are one a workflow: the second names the call that claimed the first", () => {
    const one = world();
    one.submit(call("call_1", "payroll"));
    one.submit(call("call_2", "payroll"));
    expect(one.events.at(-1)).toMatchObject({ writeDomain: "payroll", critical: true });
    expect(one.submit(call("call_3", "deploys")).result).toEqual(TAKEN);
    expect(one.events.at(-1)).toMatchObject({ type: "call.refused", blockedBy: "call_1" });
    expect(one.submit(call("call_4", "deploys", { seat: "seat_2" })).result).toEqual(TAKEN);
    for (const end of [answered("call_1"), answered("call_2")]) one.submit(end);
    expect(one.submit(call("call_5", "deploys")).result).toEqual(TAKEN);
    expect(one.submit(call("call_6", "payroll")).result.kind).toBe("admitted");
  });

  it("leave those that are not critical alone, before and after", () => {
    const one = world();
    expect(one.submit(call("call_0", "tickets_open")).result.kind).toBe("admitted");
    expect(one.submit(call("call_1", "payroll")).result.kind).toBe("admitted");
    expect(one.submit(call("call_2", "tickets_open")).result.kind).toBe("admitted");
  });

  it("are free again when the only call to one never left, and only then", () => {
    const one = world();
    one.submit(call("call_1", "payroll"));
    one.submit(failing("call_1", "not_dispatched", "none"));
    expect(one.submit(call("call_2", "deploys")).result.kind).toBe("admitted");
    const failed = world();
    failed.submit(call("call_1", "payroll"));
    failed.submit(failing("call_1", "upstream_rejected", "none"));
    expect(failed.submit(call("call_2", "deploys")).result).toEqual(TAKEN);
    const unknown = world();
    unknown.submit(call("call_1", "payroll"));
    unknown.submit(failing("call_1", "connector_lost", "possible"));
    expect(unknown.submit(call("call_2", "deploys")).result).toEqual(TAKEN);
    const found = { session: "session_1", finding: "never" } as const;
    unknown.submit({ type: "reconcile", call: "call_1", ...found });
    expect(unknown.submit(call("call_3", "deploys")).result.kind).toBe("admitted");
  });

  it("are claimed by executions, not by previews", () => {
    const one = world([
      critical("payroll", { preview: ["ticket"] }),
      critical("deploys", { preview: ["ticket"] }),
    ]);
    one.script = needing("finance");
    const change = { shaped: fitting() };
    for (const [id, tool] of [
      ["preview_1", "payroll"],
      ["preview_2", "deploys"],
    ] as const) {
      expect(one.submit(call(id, tool, change)).result).toMatchObject({ mode: "preview" });
      one.submit(previewed(id));
      one.submit(approve(one.state.approvals.at(-1)!));
    }
    expect(one.submit(call("call_1", "payroll", change)).result.kind).toBe("admitted");
    expect(one.submit(call("call_2", "deploys", change)).result).toEqual(TAKEN);
  });

  it("stay claimed when another bundle no longer marks them", () => {
    const one = world();
    one.submit(call("call_1", "payroll"));
    one.bundle = bundleOf([critical("payroll", { critical: false }), critical("deploys")]);
    one.submit(call("call_2", "payroll"));
    expect(one.submit(call("call_3", "deploys")).result).toEqual(TAKEN);
  });
});
