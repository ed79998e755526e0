import { describe, expect, it } from "vitest";
import type { SeatCommand } from "../model/command.ts";
import { EVENT_TYPES, type WorkflowEvent } from "../model/event.ts";
import {
  answered,
  approvalKind,
  approve,
  bundleOf,
  callCommand,
  DENY,
  DOWN,
  failing,
  needing,
  readTool,
  seatCommand,
  sha256,
  type World,
  writeTool,
} from "../testing.ts";
import { MAX_FAN_OUT } from "./limits.ts";
import { AGENTS, ANY, denied, refused, worldWith } from "./testing-seats.ts";

describe("a call token", () => {
  function calling(agent: string | null = "helper-agent"): World {
    const world = worldWith();
    const tools = [{ ...readTool(), agent }, writeTool()];
    world.bundle = bundleOf(tools, undefined, undefined, {
      agents: ["support-agent", "helper-agent", ...AGENTS],
      delegations: [DOWN, ANY],
    });
    world.submit(callCommand("call_1"));
    return world;
  }
  const exchange = (seat: string, more: Partial<SeatCommand> = {}): SeatCommand =>
    seatCommand(seat, { call: "call_1", ...more });

  it("is good for one seat, below the seat that called", () => {
    const world = calling();
    expect(world.submit(exchange("seat_2")).result.kind).toBe("granted");
    expect(world.events.at(-1)).toMatchObject({ call: "call_1" });
    expect(refused(world, exchange("seat_3"))).toEqual(denied("core:call"));
  });

  it("is good for nothing after its call, nor for another seat's call or an invented one", () => {
    const world = calling();
    world.submit(seatCommand("seat_2"));
    const other = { agent: "agent-1", jkt: "key", parent: "seat_2" };
    expect(refused(world, exchange("seat_3", other))).toEqual(denied("core:call"));
    expect(refused(world, exchange("seat_3", { call: "invented" }))).toEqual(denied("core:call"));
    world.submit(answered("call_1"));
    expect(refused(world, exchange("seat_3"))).toEqual(denied("core:call"));
  });

  it("is good for nothing while its call is only previewed", () => {
    const world = calling();
    const tool = writeTool({ preview: ["ticket"], agent: "helper-agent" });
    const seen: (string | undefined)[] = [];
    for (const script of [needing("finance"), needing()]) {
      world.bundle = bundleOf([tool], undefined, undefined, {
        agents: ["support-agent", "helper-agent"],
        delegations: [DOWN],
        approvalKinds: [approvalKind("finance")],
      });
      world.script = script;
      const call = `call_${seen.length + 2}`;
      world.submit(callCommand(call, { tool: tool.id }));
      seen.push(world.state.inFlight.at(-1)?.mode);
      const answer = world.submit(seatCommand(`seat_${seen.length + 1}`, { call }));
      expect(answer.result.kind).toBe(seen.at(-1) === "execute" ? "granted" : "denied");
      world.submit(failing(call, "not_dispatched", "none"));
    }
    expect(seen).toEqual(["preview", "execute"]);
  });

  it("is good for nothing to anybody but the agent that the tool is", () => {
    expect(refused(calling("agent-3"), exchange("seat_2"))).toEqual(denied("core:call"));
    expect(refused(calling(null), exchange("seat_2"))).toEqual(denied("core:call"));
  });

  const raisedIn = (world: World): unknown => {
    const { command } = JSON.parse(world.inputs.get(world.state.next - 1)!) as { command: object };
    return command;
  };

  it("is a signal about the key of whoever brings it for another, or a second time", () => {
    const subject = { target: "key", value: "another thumbprint" };
    const raised = { type: "signal", seat: "seat_1", call: "call_1", subject };
    const thief = calling("agent-3");
    thief.submit(exchange("seat_2"));
    expect(raisedIn(thief)).toEqual({ ...raised, signal: "context_mismatch" });
    const again = calling();
    again.submit(exchange("seat_2"));
    again.submit(exchange("seat_3"));
    expect(raisedIn(again)).toEqual({ ...raised, signal: "token_replayed" });
  });

  it("is no signal after its call: a tool may be slow", () => {
    const world = calling();
    world.submit(answered("call_1"));
    world.submit(exchange("seat_2"));
    expect(world.events.at(-1)?.type).toBe("seat.refused");
  });

  it("gives a seat that ends with the call, and so does everything below it", () => {
    const world = calling();
    world.submit(exchange("seat_2"));
    world.submit(seatCommand("seat_3", { parent: "seat_2", agent: "agent-1", jkt: "key 1" }));
    for (const [at, seat] of ["seat_2", "seat_3"].entries()) {
      expect(world.submit(callCommand(`call_a${at}`, { seat })).result.kind).toBe("admitted");
    }
    world.submit(answered("call_1"));
    for (const seat of ["seat_2", "seat_3"]) {
      const { result } = world.submit(callCommand("call_b", { seat }));
      expect(result).toMatchObject({ code: "seat_unknown" });
    }
    // What was under way is still charged to, and given back to, everybody in the line.
    world.submit(failing("call_a1", "not_dispatched", "none"));
    expect(world.state.seats["seat_1"]!.used.calls).toBe(2);
  });

  it("does not wear the workflow out: seats that are over leave room for others", () => {
    const world = calling();
    for (let n = 0; n <= MAX_FAN_OUT; n++) {
      if (n > 0) world.submit(callCommand(`again_${n}`));
      const call = n === 0 ? "call_1" : `again_${n}`;
      const { result } = world.submit(exchange(`seat_a${n}`, { call }));
      expect(result.kind).toBe("granted");
      world.submit(answered(call));
    }
  });
});

describe("what a seat does is charged to all who stand behind it", () => {
  function line(): World {
    const world = worldWith();
    world.submit(seatCommand("seat_2", { limits: { calls: 3 } }));
    world.submit(seatCommand("seat_3", { parent: "seat_2", agent: "agent-1", jkt: "key 1" }));
    return world;
  }
  const used = (world: World): number[] =>
    ["seat_1", "seat_2", "seat_3"].map((id) => world.state.seats[id]!.used.calls);

  it("in one event, and given back in one", () => {
    const world = line();
    expect(world.submit(callCommand("call_1", { seat: "seat_3" })).events).toHaveLength(1);
    expect(used(world)).toEqual([1, 1, 1]);
    world.submit(callCommand("call_2", { seat: "seat_2" }));
    world.submit(callCommand("call_3"));
    expect(used(world)).toEqual([3, 2, 1]);
    expect(world.state.used.calls).toBe(3);
    world.submit(failing("call_1", "not_dispatched", "none"));
    expect(used(world)).toEqual([2, 1, 0]);
  });

  it("so the cap of a seat stops everybody below it, and nobody above", () => {
    const world = line();
    for (let n = 0; n < 3; n++) world.submit(callCommand(`call_${n}`, { seat: "seat_2" }));
    for (const seat of ["seat_2", "seat_3"]) {
      expect(world.submit(callCommand("call_9", { seat })).result).toMatchObject({
        code: "budget_exhausted",
        ruleIds: ["core:budget.calls"],
      });
    }
    expect(world.submit(callCommand("call_9")).result.kind).toBe("admitted");
  });

  it("and dies with any of them", () => {
    const world = worldWith();
    world.submit(seatCommand("seat_2", { lifeMs: 5_000 }));
    world.submit(seatCommand("seat_3", { parent: "seat_2", agent: "agent-1", jkt: "key 1" }));
    const seat = world.state.seats["seat_3"]!;
    world.state = {
      ...world.state,
      seats: { ...world.state.seats, seat_3: { ...seat, expiresAt: world.now + 1e6 } },
    };
    world.now += 5_000;
    for (const id of ["seat_2", "seat_3"]) {
      expect(world.submit(callCommand("call_1", { seat: id })).result).toMatchObject({
        code: "seat_unknown",
      });
      expect(world.submit({ type: "renew", seat: id }).result.kind).toBe("ignored");
      expect(world.submit({ type: "reportUsage", seat: id, tokens: 1 }).result.kind).toBe(
        "ignored",
      );
    }
  });

  it("and labels and claims stay with the workflow: no hop launders them", () => {
    const world = line();
    world.submit(callCommand("call_1", { seat: "seat_3" }));
    world.submit(callCommand("call_2", { seat: "seat_3", tool: "tickets_open" }));
    const contexts: unknown[] = [];
    world.script = ({ context }) => {
      contexts.push({ labels: context["labels"], domains: context["writeDomains"] });
      return DENY;
    };
    world.submit(callCommand("call_3"));
    expect(contexts[0]).toEqual({ labels: ["pii"], domains: ["tickets"] });
  });
});

describe("the chain", () => {
  it("stands in every event that a seat has a part in", () => {
    const world = worldWith();
    const { agents, delegations } = world.bundle;
    const tools = [readTool(), writeTool({ resendMs: 3_600_000 })];
    const kinds = [approvalKind("finance")];
    const more = { agents, delegations, approvalKinds: kinds };
    world.bundle = bundleOf(tools, undefined, undefined, more);
    world.submit(seatCommand("seat_2"));
    world.submit(seatCommand("seat_3", { parent: "seat_2", agent: "agent-1", jkt: "key 1" }));
    const from = world.state.next;
    const seat = "seat_3";
    const call = (id: string, tool = "customers_find"): unknown =>
      world.submit(callCommand(id, { seat, tool }));
    world.submit(seatCommand("seat_4", { parent: seat, agent: "support-agent" }));
    world.submit({ type: "renew", seat });
    world.submit({ type: "checkpoint", seat, value: 1, bytes: 1 });
    world.submit({ type: "reportUsage", seat, tokens: 1 });
    const signal = { type: "signal", signal: "canary_tool", call: null, subject: null } as const;
    world.submit({ ...signal, seat });
    call("call_1");
    world.submit(answered("call_1"));
    call("call_2", "tickets_open");
    world.submit(failing("call_2", "connector_lost", "possible"));
    const presenter = { connector: "con_1", session: "session_1" };
    const again = { operation: sha256("operation"), txn: "txn_again", presenter };
    world.submit({ type: "resend", call: "call_2", ...again, effect: "possible" });
    const finding = { session: "session_1", finding: "never" } as const;
    world.submit({ type: "reconcile", call: "call_2", ...finding });
    world.script = needing("finance");
    call("call_3", "tickets_open");
    const asked = world.state.approvals[0]!;
    world.submit(approve(asked, { human: "human-pseudonym" }));
    world.submit(approve(asked));
    const chains = world.events.slice(from).map((event) => [event.type, chainIn(event)]);
    expect(new Set(chains.map(([, chain]) => JSON.stringify(chain)))).toEqual(
      new Set(['["agent-1","helper-agent","support-agent"]']),
    );
    const last = world.events.length;
    world.submit({ ...signal, seat: null });
    world.submit({ type: "close", seat: "seat_1" });
    expect(world.events.slice(last).map(chainIn)).toEqual([[], ["support-agent"]]);
    const met = new Set(world.events.map(({ type }) => type));
    expect(EVENT_TYPES.filter((type) => !met.has(type))).toEqual([]);
  });
});

function chainIn(event: WorkflowEvent): readonly string[] | null {
  return "chain" in event ? event.chain : null;
}
