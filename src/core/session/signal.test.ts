import { describe, expect, it } from "vitest";
import type { ContainmentRule } from "../model/bundle.ts";
import type { SignalCommand } from "../model/command.ts";
import type { SignalRaised, Stamp } from "../model/event.ts";
import type { SignalCode } from "../model/signal.ts";
import {
  answered,
  callCommand,
  DENY,
  DOWN,
  failing,
  fitting,
  readTool,
  seatCommand,
  sha256,
  World,
  worldOf,
  writeTool,
} from "../testing.ts";
import { DENIAL_BURST, EXHAUSTED_BURST, MAX_SIGNALS, REFUSAL_WINDOW_MS } from "./limits.ts";

function rule(
  signal: SignalCode,
  then: ContainmentRule["then"],
  more: Partial<ContainmentRule> = {},
): ContainmentRule {
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  return { id: `on-${signal}`, signal, count: 1, withinMs: 60_000, then, ...more };
}

function worldWith(...containment: readonly ContainmentRule[]): World {
  const bait = readTool({ id: "bait", canary: true });
  const unlisted = readTool({ id: "unlisted", canary: true });
  const world = worldOf([readTool(), writeTool(), bait], { containment, delegations: [DOWN] });
  const { bundle } = world;
  const tool = (id: string) => (id === "unlisted" ? unlisted : bundle.tool(id));
  world.bundle = { ...bundle, tool };
  return world;
}

const raise = (signal: SignalCode, more: Partial<SignalCommand> = {}): SignalCommand => ({
  ...{ type: "signal", signal, seat: "seat_1", call: null, subject: null },
  ...more,
});

const raised = (world: World): readonly (SignalRaised & Stamp)[] =>
  world.events.filter((event) => event.type === "signal.raised");
const codes = (world: World): readonly SignalCode[] => raised(world).map(({ signal }) => signal);

describe("a signal", () => {
  it("is recorded with what raised it; without a rule nothing follows", () => {
    const world = worldWith();
    expect(world.submit(raise("token_replayed", { call: "call_1" })).result).toEqual({
      kind: "signalled",
      containment: null,
    });
    expect(world.events.at(-1)).toMatchObject({
      type: "signal.raised",
      signal: "token_replayed",
      seat: "seat_1",
      call: "call_1",
      containment: null,
      policyVersion: world.bundle.digest,
    });
    expect(new World().submit(raise("token_replayed")).result).toEqual({ kind: "ignored" });
  });

  const key = { target: "key", value: "thumbprint" } as const;
  const workflow = { target: "workflow", value: "wf_1" } as const;
  it.each([
    ["lock_workflow", key, workflow],
    ["lock_subject", key, key],
    // What the evidence does not name is not locked by it.
    ["lock_subject", null, workflow],
    ["read_only", key, null],
  ] as const)("becomes %s of %j: %j", (then, subject, lock) => {
    const world = worldWith(rule("token_replayed", then));
    const containment = { ruleId: "containment:on-token_replayed", lock };
    expect(world.submit(raise("token_replayed", { subject })).result).toEqual({
      kind: "signalled",
      containment,
    });
    expect(world.events.at(-1)).toMatchObject({ containment });
    expect(world.state.readOnly).toBe(then === "read_only");
  });

  it("counts with those of its own kind within the time of the rule, and no others", () => {
    const three = rule("tool_drift", "lock_workflow", { count: 3, withinMs: 1_000 });
    const world = worldWith(three);
    const full = (): boolean => {
      const { result } = world.submit(raise("tool_drift"));
      return result.kind === "signalled" && result.containment !== null;
    };
    expect(full()).toBe(false);
    world.submit(raise("connector_clash"));
    expect(full()).toBe(false);
    world.now += 1_001;
    expect(full()).toBe(false);
    world.now += 1_000;
    expect(full()).toBe(false);
    expect(full()).toBe(true);
  });

  it("is not forgotten under a flood of others", () => {
    const world = worldWith(rule("tool_drift", "lock_workflow", { count: 2 }));
    world.submit(raise("tool_drift"));
    for (let n = 0; n < 2 * MAX_SIGNALS; n++) world.submit(raise("token_replayed"));
    expect(world.state.signals).toHaveLength(MAX_SIGNALS + 1);
    expect(world.submit(raise("tool_drift")).result).toMatchObject({
      containment: { lock: workflow },
    });
  });

  it("of one kind fills no disk: so many in a window, which is enough for any rule", () => {
    const most = rule("token_replayed", "lock_workflow", { count: MAX_SIGNALS });
    const world = worldWith(most);
    for (let n = 0; n < MAX_SIGNALS; n++) world.submit(raise("token_replayed"));
    expect(world.events.at(-1)).toMatchObject({ containment: { lock: workflow } });
    expect(world.submit(raise("token_replayed"))).toEqual({
      events: [],
      result: { kind: "ignored" },
    });
    world.now += REFUSAL_WINDOW_MS;
    expect(world.submit(raise("token_replayed")).events).toHaveLength(1);
    expect(world.state.signals).toHaveLength(MAX_SIGNALS);
  });

  it("follows the first full rule, but a step down that was made hides no lock behind it", () => {
    const world = worldWith(
      rule("tool_drift", "read_only", { id: "mild" }),
      rule("tool_drift", "lock_workflow", { id: "hard", count: 2 }),
    );
    expect(world.submit(raise("tool_drift")).result).toMatchObject({
      containment: { ruleId: "containment:mild", lock: null },
    });
    expect(world.submit(raise("tool_drift")).result).toMatchObject({
      containment: { ruleId: "containment:hard", lock: workflow },
    });
  });
});

describe("a canary", () => {
  const SIGNAL = { signal: "canary_tool", seat: "seat_2", call: "call_1" };
  it.each([
    ["admitted", callCommand("call_1", { seat: "seat_2", tool: "bait" })],
    [
      "unfit",
      callCommand("call_1", { seat: "seat_2", tool: "bait", shaped: { ok: false, at: [] } }),
    ],
    ["not granted", callCommand("call_1", { seat: "seat_2", tool: "unlisted" })],
  ])("tool is touched by a call that is %s, and the agent of that seat is named", (_name, call) => {
    const world = worldWith(rule("canary_tool", "lock_subject"));
    world.submit(seatCommand("seat_2"));
    world.submit(call);
    expect(raised(world)).toMatchObject([
      { ...SIGNAL, containment: { lock: { target: "agent", value: "helper-agent" } } },
    ]);
  });

  it("tool is touched by one that policy denies", () => {
    const world = worldWith();
    world.script = () => DENY;
    world.submit(callCommand("call_1", { tool: "bait" }));
    expect(codes(world)).toEqual(["canary_tool"]);
  });

  it("tool that is sent again as it was raises no second signal", () => {
    const world = worldWith();
    const trap = writeTool({ id: "trap", canary: true });
    world.bundle = { ...world.bundle, tool: () => trap };
    const seat = world.state.seats["seat_1"]!;
    const seats = { seat_1: { ...seat, tools: ["trap"] } };
    world.state = { ...world.state, seats };
    for (const call of ["call_1", "call_2", "call_3"]) {
      world.submit(callCommand(call, { tool: "trap" }));
    }
    expect(codes(world)).toEqual(["canary_tool"]);
  });

  it("record in a result is one signal, with the call that met it", () => {
    const world = worldWith(rule("canary_record", "lock_workflow"));
    world.submit(callCommand("call_1"));
    const { settlement } = answered("call_1");
    if (settlement.kind !== "answered") throw new Error(settlement.kind);
    world.submit(answered("call_1", { settlement: { ...settlement, canaries: 3 } }));
    expect(world.events.at(-2)).toMatchObject({ type: "call.settled", canaries: 3 });
    expect(raised(world)).toMatchObject([
      { signal: "canary_record", seat: "seat_1", call: "call_1", containment: { lock: {} } },
    ]);
  });

  it("counts also where a lock withholds the result", () => {
    const world = worldWith();
    world.submit(callCommand("call_1"));
    world.lock({ id: "l1", target: "workflow", value: "wf_1" });
    const { settlement } = answered("call_1");
    if (settlement.kind !== "answered") throw new Error(settlement.kind);
    world.submit(answered("call_1", { settlement: { ...settlement, canaries: 1 } }));
    expect(codes(world)).toEqual(["canary_record"]);
  });
});

describe("a burst of denials", () => {
  it("is one signal in a window, at the measure and not before", () => {
    const world = worldWith();
    world.script = () => DENY;
    for (let n = 1; n < DENIAL_BURST; n++) world.submit(callCommand(`call_${n}`));
    expect(codes(world)).toEqual([]);
    for (let n = 0; n < 40; n++) world.submit(callCommand(`more_${n}`));
    expect(codes(world)).toEqual(["denial_burst"]);
    expect(raised(world)[0]).toMatchObject({ seat: "seat_1", call: "more_0" });
    world.now += REFUSAL_WINDOW_MS;
    for (let n = 0; n < 40; n++) world.submit(callCommand(`later_${n}`));
    expect(codes(world)).toEqual(["denial_burst", "denial_burst"]);
  });

  it("is not missed when a refused seat is the one that fills the measure", () => {
    const world = worldWith();
    world.script = () => DENY;
    for (let n = 1; n < DENIAL_BURST; n++) world.submit(callCommand(`call_${n}`));
    world.submit(seatCommand("seat_2", { agent: "stranger" }));
    expect(codes(world)).toEqual(["denial_burst"]);
    world.submit(callCommand("call_99"));
    expect(codes(world)).toEqual(["denial_burst"]);
  });

  it("that several seats filled together proves nothing of the one that was the last", () => {
    const world = worldWith(rule("denial_burst", "lock_subject"));
    world.submit(seatCommand("seat_2"));
    world.script = () => DENY;
    for (let n = 1; n < DENIAL_BURST; n++) {
      world.submit(callCommand(`call_${n}`, { seat: "seat_2" }));
    }
    // A sub-agent that has done its 24 waits for the one of its giver.
    world.submit(callCommand("call_own"));
    const workflow = { target: "workflow", value: "wf_1" };
    const lockOf = (n: number): unknown => raised(world)[n]?.containment?.lock;
    expect(lockOf(0)).toEqual(workflow);
    world.submit(callCommand("call_25", { seat: "seat_2" }));
    expect(lockOf(1)).toEqual({ target: "agent", value: "helper-agent" });
    for (let n = 0; n < DENIAL_BURST; n++) world.submit(callCommand(`more_${n}`));
    expect(lockOf(2)).toEqual({ target: "agent", value: "support-agent" });
    expect(codes(world)).toHaveLength(3);
  });

  it("has no failures in it, and no questions for humans", () => {
    const world = worldWith();
    const unfit = { shaped: { ok: false, at: [] } } as const;
    for (let n = 0; n < 60; n++) world.submit(callCommand(`call_${n}`, unfit));
    expect(codes(world)).toEqual([]);
    expect(world.state.refusals).toMatchObject({ count: 60, denials: 0 });
  });
});

describe("a budget anomaly", () => {
  it("is an agent that goes on calling at its ceiling, once a window", () => {
    const world = worldOf([readTool()], {}, { calls: 1 });
    for (let n = 0; n < EXHAUSTED_BURST; n++) world.submit(callCommand(`call_${n}`));
    expect(codes(world)).toEqual([]);
    for (let n = 0; n < 5; n++) world.submit(callCommand(`more_${n}`));
    expect(codes(world)).toEqual(["budget_anomaly"]);
  });
});

describe("after a step down to reading", () => {
  function readOnly(): World {
    const world = worldWith(rule("tool_drift", "read_only"));
    world.submit(callCommand("call_1", { tool: "tickets_open" }));
    world.submit(raise("tool_drift"));
    return world;
  }

  it("nothing with an effect is admitted, for good, and reads go on", () => {
    const world = readOnly();
    const other = { tool: "tickets_open", shaped: fitting({ operation: sha256("other") }) };
    for (let n = 0; n < 2; n++) {
      expect(world.submit(callCommand(`write_${n}`, other)).result).toEqual({
        kind: "denied",
        code: "read_only",
        policyClass: null,
        ruleIds: ["core:containment"],
      });
      expect(world.submit(callCommand(`read_${n}`)).result.kind).toBe("admitted");
      world.now += 10 * 60_000;
    }
  });

  it("what was under way ends as it ends", () => {
    expect(readOnly().submit(answered("call_1")).result).toMatchObject({ outcome: "ok" });
  });
});

describe("an answer that the tool's description forbids", () => {
  it("is drift of that tool, which a rule may lock", () => {
    const world = worldWith(rule("tool_drift", "lock_subject"));
    world.submit(callCommand("call_1"));
    world.submit(failing("call_1", "output_invalid", "possible"));
    expect(raised(world)).toMatchObject([
      {
        ...{ signal: "tool_drift", seat: "seat_1", call: "call_1" },
        containment: { lock: { target: "tool", value: "customers_find" } },
      },
    ]);
  });

  it("is none where the answer failed in another way, or its call has ended already", () => {
    const world = worldWith(rule("tool_drift", "lock_subject"));
    world.submit(callCommand("call_1"));
    world.submit(failing("call_1", "upstream_error", "possible"));
    world.submit(failing("call_1", "output_invalid", "possible"));
    expect(codes(world)).toEqual([]);
  });
});

describe("a definition that is not the one that was reviewed", () => {
  it("is locked at once, whatever the rules say, and its tool with it", () => {
    for (const rules of [[], [rule("tool_drift", "lock_workflow")]]) {
      const world = worldWith(...rules);
      world.submit(callCommand("call_1"));
      const { result } = world.submit(failing("call_1", "tool_drifted", "none"));
      expect(result).toMatchObject({ outcome: "failed", code: "tool_drifted" });
      const definition = readTool().definition;
      const lock = { target: "definition", value: definition } as const;
      expect(raised(world)).toMatchObject([
        { signal: "tool_drift", containment: { ruleId: "core:tool-drift", lock } },
      ]);
      world.lock({ id: "q", ...lock });
      expect(world.submit(callCommand("call_2")).result).toMatchObject({
        ...{ kind: "denied", code: "locked", ruleIds: ["lock:q"] },
      });
    }
  });

  it("does not hide behind noise about other tools", () => {
    const world = worldWith();
    world.submit(callCommand("call_1"));
    for (let n = 0; n < 100; n++) world.submit(raise("tool_drift"));
    const before = raised(world).length;
    world.submit(failing("call_1", "tool_drifted", "none"));
    expect(raised(world)).toHaveLength(before + 1);
  });
});
