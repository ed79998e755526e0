import { describe, expect, it } from "vitest";
import type { Limits } from "../model/bundle.ts";
import { bundleOf, callCommand, DENY, DOWN, openCommand, seatCommand, World } from "../testing.ts";
import { MAX_FAN_OUT, MAX_HOPS, MAX_REFUSALS, MAX_SEATS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { AGENTS, denied, hop, no, refused, worldWith } from "./testing-seats.ts";

describe("a seat", () => {
  it("has a parent, a chain, and what giver and trust give", () => {
    const world = worldWith();
    const { result } = world.submit(seatCommand("seat_2"));
    expect(result).toMatchObject({ kind: "granted", seat: { id: "seat_2", depth: 1 } });
    expect(world.events.at(-1)).toMatchObject({
      type: "seat.granted",
      seat: "seat_2",
      parent: "seat_1",
      agent: "helper-agent",
      jkt: "another thumbprint",
      chain: ["helper-agent", "support-agent"],
      tools: ["customers_find", "tickets_open"],
      limits: world.state.limits,
      expiresAt: world.now + 600_000,
      ruleIds: ["delegation:down"],
      call: null,
      lockEpoch: 1,
    });
    world.submit(callCommand("call_1", { seat: "seat_2" }));
    expect(world.events.at(-1)).toMatchObject({
      agent: "helper-agent",
      chain: ["helper-agent", "support-agent"],
    });
  });

  it("shows policy who acts, through whom, and how deep", () => {
    const world = worldWith();
    world.submit(seatCommand("seat_2"));
    const contexts: unknown[] = [];
    world.script = ({ principal, context }) => {
      const { chain, depth, seats } = context;
      contexts.push({ principal, chain, depth, seats });
      return DENY;
    };
    world.submit(callCommand("call_1", { seat: "seat_2" }));
    expect(contexts[0]).toEqual({
      principal: "helper-agent",
      chain: ["helper-agent", "support-agent"],
      depth: 1,
      seats: 2,
    });
  });

  const LESS: Partial<Limits> = { calls: 5, cost: 70, runtimeMs: 1_500, tokens: 40 };
  it("only shrinks: tools, caps and life are the least of giver, trust and wish", () => {
    const world = worldWith({ ...DOWN, tools: ["customers_find"], limits: LESS, maxLifeMs: 9_000 });
    world.submit(
      seatCommand("seat_2", {
        limits: { calls: 900, cost: 7, tools: { customers_find: 2 } },
        lifeMs: 1e9,
      }),
    );
    expect(world.state.seats["seat_2"]).toMatchObject({
      tools: ["customers_find"],
      limits: { calls: 5, cost: 7, runtimeMs: 1_500, tokens: 40, tools: { customers_find: 2 } },
      expiresAt: world.now + 9_000,
    });
    expect(
      world.submit(callCommand("call_1", { seat: "seat_2", tool: "tickets_open" })).result,
    ).toMatchObject({ code: "tool_not_granted" });
  });

  it("inherits caps of single tools, and loosens none", () => {
    const world = worldWith();
    const tools = { customers_find: 3, tickets_open: 1 };
    const one = new World();
    one.bundle = world.bundle;
    one.submit(openCommand({ limits: { tools } }));
    one.submit(seatCommand("seat_2", { limits: { tools: { customers_find: 9 } } }));
    expect(one.state.seats["seat_2"]!.limits.tools).toEqual(tools);
  });

  it("lives no longer than its giver", () => {
    const world = worldWith();
    world.now = world.state.expiresAt - 10;
    world.submit(seatCommand("seat_2"));
    expect(world.state.seats["seat_2"]!.expiresAt).toBe(world.state.expiresAt);
  });

  it.each([{ tools: ["customers_find", "payroll"] }, { tools: ["payroll"] }])(
    "is not given with %j, which the giver has not",
    (asked) => {
      expect(refused(worldWith(), seatCommand("seat_2", asked))).toEqual(
        denied("default:delegation"),
      );
    },
  );

  it("is given by trust only: from this agent, to that agent", () => {
    expect(refused(worldWith({ ...DOWN, from: ["other"] }), seatCommand("seat_2"))).toEqual(
      denied("default:delegation"),
    );
    expect(refused(worldWith({ ...DOWN, to: ["other"] }), seatCommand("seat_2"))).toEqual(
      denied("default:delegation"),
    );
    const world = worldWith();
    expect(refused(world, seatCommand("seat_2", { agent: "canary" }))).toEqual(
      denied("default:delegation"),
    );
    expect(world.stored.at(-1)!.bytes).not.toContain("canary");
  });

  it.each([
    [{ lifeMs: -1 }],
    [{ limits: { calls: 1.5 } }],
    [{ limits: { tools: { customers_find: -1 } } }],
    [{ limits: { tools: null as unknown as {} } }],
    [{ limits: { tools: "all" as unknown as {} } }],
    [{ limits: { tokens: "9" as unknown as number } }],
  ])("is refused with %j: a ceiling is a whole number", (asked) => {
    expect(refused(worldWith(), seatCommand("seat_2", asked))).toEqual(denied("core:limits"));
  });

  it("is refused with a cap on a tool that it does not get", () => {
    const world = worldWith();
    const tools = ["customers_find"];
    const asked = { tools, limits: { tools: { tickets_open: 1 } } };
    expect(refused(world, seatCommand("seat_2", asked))).toEqual(denied("core:limits"));
    expect(world.stored.at(-1)!.bytes).not.toContain("tickets_open");
    const right = { tools, limits: { tools: { customers_find: 1 } } };
    expect(world.submit(seatCommand("seat_2", right)).result.kind).toBe("granted");
  });

  it("is given once under an id", () => {
    const world = worldWith();
    world.submit(seatCommand("seat_2"));
    for (const id of ["seat_1", "seat_2"]) {
      expect(world.submit(seatCommand(id, { agent: "agent-1" }))).toEqual({
        events: [],
        result: { kind: "ignored" },
      });
    }
    expect(new World().submit(seatCommand("seat_2")).result).toEqual({ kind: "ignored" });
  });
});

describe("shapes that no trust opens", () => {
  it("a cycle, of any length", () => {
    const back = { ...DOWN, from: ["helper-agent", "support-agent"], to: ["support-agent"] };
    const world = worldWith(DOWN, back);
    const own = { agent: "support-agent", jkt: "thumbprint" };
    expect(refused(world, seatCommand("seat_2", own))).toEqual(denied("core:cycle"));
    world.submit(seatCommand("seat_2"));
    expect(refused(world, seatCommand("seat_3", { parent: "seat_2", ...own }))).toEqual(
      denied("core:cycle"),
    );
  });

  it("more hops than the cap, at it and one past it", () => {
    const world = worldWith();
    for (let n = 0; n < MAX_HOPS; n++) expect(hop(world, n).result.kind).toBe("granted");
    expect(hop(world, MAX_HOPS).result).toMatchObject({ ruleIds: ["core:hops"] });
    expect(world.state.seats[`hop_${MAX_HOPS - 1}`]!.depth).toBe(MAX_HOPS);
  });

  it("a fan-out bomb, expired seats included", () => {
    const world = worldWith();
    for (let n = 0; n < MAX_FAN_OUT; n++) {
      const one = { agent: AGENTS[n]!, jkt: `key ${n}`, lifeMs: 1 };
      expect(world.submit(seatCommand(`fan_${n}`, one)).result.kind).toBe("granted");
    }
    world.now += 1_000;
    expect(refused(world, seatCommand("one_more"))).toEqual(denied("core:fan-out"));
  });

  it("more seats than a workflow may have", () => {
    const world = worldWith();
    let given = 1;
    for (let n = 0; given < MAX_SEATS; n++) {
      const parent = n === 0 ? "seat_1" : `seat_of_${n - 1}_0`;
      for (let m = 0; m < MAX_FAN_OUT && given < MAX_SEATS; m++, given++) {
        const one = { parent, agent: AGENTS[given]!, jkt: `key ${given}` };
        expect(world.submit(seatCommand(`seat_of_${n}_${m}`, one)).result.kind).toBe("granted");
      }
    }
    expect(refused(world, seatCommand("one_more", { parent: "seat_of_3_1" }))).toEqual(
      denied("core:seats"),
    );
  });

  it("the key of another agent that it names, which is a signal about who named it", () => {
    const world = worldWith();
    expect(refused(world, seatCommand("seat_2", { jkt: "thumbprint" }))).toEqual(
      denied("core:key"),
    );
    expect(world.events.at(-1)).toMatchObject({ type: "signal.raised", signal: "key_shared" });
    const { command } = JSON.parse(world.inputs.get(2)!) as { command: object };
    expect(command).toMatchObject({ subject: { target: "agent", value: "helper-agent" } });
  });

  it("the key of another agent that it proved for a call: a signal about the key", () => {
    const world = worldWith();
    world.submit(callCommand("call_1"));
    const command = seatCommand("seat_2", { call: "call_1", key: "other_agent" });
    expect(refused(world, command)).toEqual(denied("core:key"));
    const signal = JSON.parse(world.inputs.get(world.state.next - 1)!) as { command: object };
    expect(signal.command).toMatchObject({
      signal: "key_shared",
      subject: { target: "key", value: "another thumbprint" },
    });
  });

  it.each([
    ["other_agent", "delegation_denied", "core:key"],
    ["other_tenant", "cross_tenant_context", "core:tenant"],
  ] as const)("a key that is of %s somewhere else, with a signal", (key, code, ruleId) => {
    const world = worldWith();
    const { result } = world.submit(seatCommand("seat_2", { key }));
    expect(result).toMatchObject({ kind: "denied", code, ruleIds: [ruleId] });
    expect(world.events.map(({ type }) => type).slice(-2)).toEqual([
      "seat.refused",
      "signal.raised",
    ]);
    const { command } = JSON.parse(world.inputs.get(2)!) as { command: object };
    expect(command).toMatchObject({
      signal: "key_shared",
      subject: { target: "agent", value: "helper-agent" },
    });
  });

  it("the same agent may have two seats with its key", () => {
    const world = worldWith();
    world.submit(seatCommand("seat_2"));
    expect(world.submit(seatCommand("seat_3")).result.kind).toBe("granted");
  });
});

describe("a seat is refused", () => {
  it("after the workflow or the giver's seat, and below a seat that is none", () => {
    const world = worldWith();
    expect(refused(world, seatCommand("seat_2", { parent: "__proto__" }))).toEqual(
      no("seat_unknown", "core:seat"),
    );
    world.submit(seatCommand("seat_2", { lifeMs: 5 }));
    world.now += 5;
    const below = seatCommand("seat_3", { parent: "seat_2", agent: "agent-1", jkt: "key" });
    expect(refused(world, below)).toEqual(no("seat_unknown", "core:seat"));
    world.now = world.state.expiresAt;
    expect(refused(world, seatCommand("seat_4"))).toEqual(no("workflow_expired", "core:workflow"));
    world.submit({ type: "close", seat: null });
    expect(refused(world, seatCommand("seat_4"))).toEqual(no("workflow_closed", "core:workflow"));
  });

  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["workflow", "wf_1"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
    ["agent", "helper-agent"],
    ["key", "another thumbprint"],
    ["bundle", bundleOf().digest],
  ] as const)("under a lock on the %s %s", (target, value) => {
    const world = worldWith();
    world.lock({ id: "l1", target, value });
    expect(refused(world, seatCommand("seat_2"))).toEqual(no("locked", "lock:l1"));
  });

  it("while the host cannot vouch for the locks", () => {
    const world = worldWith();
    world.locks = null;
    expect(world.submit(seatCommand("seat_2"))).toEqual({
      events: [],
      result: { kind: "failed", code: "locks_unavailable" },
    });
  });

  it("and counted, so that a loop of refusals does not fill the disk", () => {
    const world = worldWith();
    for (let n = 0; n < MAX_REFUSALS; n++) world.submit(seatCommand(`s_${n}`, { agent: "x" }));
    world.now += 1_000;
    expect(world.submit(seatCommand("one_more"))).toEqual({
      events: [],
      result: { kind: "failed", code: "rate_limited", retryAfterMs: REFUSAL_WINDOW_MS - 1_000 },
    });
  });

  it("and so do its own refusals, which silence nobody else", () => {
    const world = worldWith();
    world.submit(seatCommand("seat_2"));
    const call = (n: number, seat: string): string =>
      world.submit(callCommand(`call_${n}`, { seat, shaped: { ok: false, at: [] } })).result.kind;
    for (let n = 0; n < MAX_REFUSALS; n++) call(n, "seat_2");
    const before = world.events.length;
    call(MAX_REFUSALS, "seat_2");
    expect(world.events).toHaveLength(before);
    expect(world.submit(callCommand("call_own")).result.kind).toBe("admitted");
    call(MAX_REFUSALS + 1, "seat_1");
    expect(world.events).toHaveLength(before + 2);
    const below = { parent: "seat_2", agent: "agent-1", jkt: "key 1" };
    expect(world.submit(seatCommand("seat_3", below)).result).toMatchObject({
      code: "rate_limited",
    });
    expect(world.submit(seatCommand("seat_4", { agent: "helper-agent" })).result.kind).toBe(
      "granted",
    );
  });
});
