import { describe, expect, it } from "vitest";
import type { CallCommand } from "../model/command.ts";
import type { Question } from "../model/policy.ts";
import {
  ALLOW,
  answered,
  bundleOf,
  callCommand,
  DENY,
  EDGE,
  mac,
  openCommand,
  openWorld,
  readTool,
  sha256,
  SILENT,
  World,
} from "../testing.ts";
import { MAX_IN_FLIGHT, MAX_REFUSALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { NOTHING_USED } from "./state.ts";

function refused(world: World, command = callCommand("call_1")): unknown {
  const { events, result } = world.submit(command);
  expect(events.map((event) => event.type)).toEqual(["call.refused"]);
  const [event] = events;
  // What the agent is told and what is recorded are the same.
  expect(event).toMatchObject({ code: (result as { code: string }).code });
  return result;
}

function denied(
  code: string,
  ruleIds: readonly string[],
  policyClass: string | null = null,
): unknown {
  return { kind: "denied", code, policyClass, ruleIds };
}

describe("an admitted call", () => {
  it("records all that the decision rests on and reserves the worst case", () => {
    const world = openWorld();
    const { events, result } = world.submit(callCommand("call_1", { tool: "tickets_open" }));
    const plan = { ticket: { allow: true, ruleIds: ["permit-all"] } };
    expect(result).toEqual({ kind: "admitted", mode: "execute", plan, approval: null });
    expect(events).toEqual([
      {
        type: "call.admitted",
        call: "call_1",
        seat: "seat_1",
        agent: "support-agent",
        tool: "tickets_open",
        definition: sha256("tickets_open"),
        action: "mutate",
        destination: "tickets",
        network: "acme",
        tier: "confidential",
        policyVersion: world.bundle.digest,
        rules: {
          network: ["permit-all"],
          action: ["permit-all"],
          data: ["permit-all"],
          budget: ["permit-all"],
        },
        plan,
        labels: [],
        writeDomain: "tickets",
        chain: ["support-agent"],
        mode: "execute",
        critical: false,
        tokens: 0,
        operation: mac(`operation\n${sha256("operation")}`),
        // Keyed: a target is an argument's value.
        target: mac('target\n{"region":"eu"}'),
        idempotency: null,
        sources: {},
        approval: null,
        preview: null,
        need: null,
        cost: 10,
        runtimeMs: 1_000,
        txn: "txn_call_1",
        connector: "con_1",
        session: "session_1",
        lockEpoch: 1,
        input: (events[0] as { input: string }).input,
      },
    ]);
    expect(world.state.used).toMatchObject({ calls: 1, cost: 10, runtimeMs: 1_000 });
    expect(world.state.writeDomains).toMatchObject({ tickets: { calls: 1 } });
    expect(world.state.inFlight.map((one) => one.call)).toEqual(["call_1"]);
  });

  it("asks all four classes with counters after this reservation", () => {
    const world = openWorld();
    world.submit(callCommand("call_1"));
    const asked: Question[] = [];
    world.script = (question) => {
      asked.push(question);
      return ALLOW;
    };
    world.submit(callCommand("call_2", { tool: "tickets_open", arguments: {} }));
    expect(asked.map(({ action, principal, resource }) => [action, principal, resource])).toEqual([
      ["connect", "support-agent", { type: "Destination", id: "tickets" }],
      ["mutate", "support-agent", { type: "Tool", id: "tickets_open" }],
      ["disclose", "support-agent", { type: "DataClass", id: "ticket" }],
      ["spend", "support-agent", { type: "Tool", id: "tickets_open" }],
    ]);
    for (const { context } of asked) {
      expect(context).toEqual({
        chain: ["support-agent"],
        tokens: 0,
        sources: {},
        purpose: "support-case",
        trust: "support",
        human: "human-pseudonym",
        depth: 0,
        seats: 1,
        calls: 2,
        cost: 20,
        runtimeMs: 2_000,
        labels: ["pii"],
        writeDomains: [],
        approvals: [],
        tool: "tickets_open",
        arguments: { region: "eu" },
      });
    }
  });

  it("makes labels stick from admission on, sorted and once each", () => {
    const world = openWorld();
    world.bundle = bundleOf([readTool({ labels: ["untrusted-content", "pii"] })]);
    world.submit(callCommand("call_1"));
    world.submit(callCommand("call_2"));
    expect(world.state.labels).toEqual(["pii", "untrusted-content"]);
  });

  it("keeps arguments, and tool names the agent made up, out of the record", () => {
    const world = openWorld();
    world.submit(callCommand("call_1", { arguments: { q: "canary-1" } }));
    world.submit(callCommand("call_2", { tool: "canary-2", shaped: null }));
    const written = world.stored.map((event) => event.bytes).join("\n");
    expect(written).not.toContain("canary");
    expect(world.events.at(-1)).toMatchObject({ type: "call.refused", tool: null });
  });
});

describe("a call that is refused", () => {
  it("is ignored before the workflow is open", () => {
    expect(new World().submit(callCommand("call_1"))).toEqual({
      events: [],
      result: { kind: "ignored" },
    });
  });

  it("has the workflow closed, or expired to the millisecond", () => {
    const world = openWorld();
    world.now = world.state.expiresAt - 1;
    expect(world.decide(callCommand("call_1")).result.kind).toBe("admitted");
    world.now = world.state.expiresAt;
    expect(refused(world)).toEqual(denied("workflow_expired", ["core:workflow"]));
    world.submit({ type: "close", seat: null });
    expect(refused(world)).toEqual(denied("workflow_closed", ["core:workflow"]));
  });

  it.each(["seat_2", "__proto__", "constructor", ""])("names the unknown seat %j", (seat) => {
    expect(refused(openWorld(), callCommand("call_1", { seat }))).toEqual(
      denied("seat_unknown", ["core:seat"]),
    );
  });

  it("names a tool that does not exist, or had no schema", () => {
    expect(refused(openWorld(), callCommand("call_1", { tool: "nope", shaped: null }))).toEqual(
      denied("unknown_tool", ["core:tool"]),
    );
    expect(refused(openWorld(), callCommand("call_1", { shaped: null }))).toEqual(
      denied("unknown_tool", ["core:tool"]),
    );
  });

  it("names a tool that the bundle got only after the workflow was opened", () => {
    const world = openWorld();
    world.bundle = bundleOf([readTool(), readTool({ id: "later" })]);
    expect(refused(world, callCommand("call_1", { tool: "later" }))).toEqual(
      denied("tool_not_granted", ["core:seat"]),
    );
  });

  it("names a tool that nobody has reviewed, whatever its arguments", () => {
    const world = openWorld();
    world.bundle = bundleOf([readTool({ reviewed: false })]);
    for (const shaped of [callCommand("call_1").shaped, { ok: false, at: ["/region"] } as const]) {
      expect(refused(world, callCommand("call_1", { shaped }))).toEqual(
        denied("tool_unreviewed", ["core:review"]),
      );
    }
  });

  it("has arguments that do not fit the schema", () => {
    const command = callCommand("call_1", { shaped: { ok: false, at: ["/region"] } });
    expect(refused(openWorld(), command)).toEqual({ kind: "failed", code: "invalid_arguments" });
  });

  it("has no connector now, and what the rules said is recorded all the same", () => {
    const world = openWorld();
    expect(refused(world, callCommand("call_1", { presenter: null }))).toEqual({
      kind: "failed",
      code: "connector_unavailable",
    });
    expect(world.events.at(-1)).toMatchObject({ rules: { network: ["permit-all"] } });
  });

  it("is not charged", () => {
    const world = openWorld();
    world.script = () => DENY;
    refused(world);
    expect(world.state.used).toEqual(NOTHING_USED);
    expect(world.state.labels).toEqual([]);
  });
});

describe("policy", () => {
  const CASES = [
    ["network", "connect", "network_denied"],
    ["action", "read", "action_denied"],
    ["data", "disclose", "data_denied"],
    ["budget", "spend", "budget_denied"],
  ] as const;

  it.each(CASES)("class %s denies by itself", (policyClass, action, code) => {
    const world = openWorld();
    world.script = (question) => (question.action === action ? DENY : ALLOW);
    expect(refused(world)).toEqual(denied(code, ["forbid-it"], policyClass));
    expect(world.events.at(-1)).toMatchObject({
      policyClass,
      rules: { [policyClass]: ["forbid-it"] },
    });
  });

  it.each(CASES)("class %s denies by default", (policyClass, action, code) => {
    const world = openWorld();
    world.script = (question) => (question.action === action ? SILENT : ALLOW);
    expect(refused(world)).toEqual(denied(code, [`default:${policyClass}`], policyClass));
  });

  it.each(CASES)(
    "class %s denies when a policy errors, also beside an allow",
    (policyClass, action) => {
      const world = openWorld();
      world.script = (question) =>
        question.action === action ? { ...ALLOW, errors: ["z-broken", "a-broken"] } : ALLOW;
      expect(refused(world)).toEqual(denied("policy_error", ["a-broken", "z-broken"], policyClass));
    },
  );

  it.each(CASES)(
    "class %s does not allow without a rule that says so",
    (policyClass, action, code) => {
      const world = openWorld();
      world.script = (question) =>
        question.action === action ? { decision: "allow", ruleIds: [], errors: [] } : ALLOW;
      expect(refused(world)).toEqual(denied(code, [`default:${policyClass}`], policyClass));
    },
  );

  it.each(CASES)("a trap in class %s admits nothing", (_class, action) => {
    const world = openWorld();
    world.script = (question) => {
      if (question.action === action) throw new Error("unreachable executed");
      return ALLOW;
    };
    expect(refused(world)).toEqual({ kind: "failed", code: "policy_unavailable" });
  });

  it.each([undefined, null, {}, { decision: "allow" }, { decision: "allow", ruleIds: ["x"] }])(
    "an evaluator that answers %j admits nothing",
    (answer) => {
      const world = openWorld();
      world.script = () => answer as never;
      expect(refused(world)).toEqual({ kind: "failed", code: "policy_unavailable" });
    },
  );

  it("reports the first class that denied, in the order network, action, data, budget", () => {
    const world = openWorld();
    world.script = ({ action }) => (action === "connect" ? ALLOW : DENY);
    expect(refused(world)).toEqual(denied("action_denied", ["forbid-it"], "action"));
    expect(world.events.at(-1)).toMatchObject({
      rules: {
        network: ["permit-all"],
        action: ["forbid-it"],
        data: ["forbid-it"],
        budget: ["forbid-it"],
      },
    });
  });

  it("lets a call through when one class of data may be shown, with the others in the plan", () => {
    const world = openWorld();
    world.script = ({ resource }) => (resource.id === "customer.contact" ? SILENT : ALLOW);
    expect(world.submit(callCommand("call_1")).result).toEqual({
      kind: "admitted",
      mode: "execute",
      approval: null,
      plan: {
        "customer.contact": { allow: false, ruleIds: ["default:data"] },
        "customer.id": { allow: true, ruleIds: ["permit-all"] },
      },
    });
  });

  describe("that names classes of data itself", () => {
    const naming = (...named: readonly string[]): CallCommand => ({
      ...callCommand("call_1"),
      shaped: { ok: true, policyArguments: {}, operation: null, target: "{}", sources: {}, named },
    });

    it("is admitted where all of them may be shown, with the others in the plan", () => {
      const world = openWorld();
      world.script = ({ resource }) => (resource.id === "customer.contact" ? SILENT : ALLOW);
      expect(world.submit(naming("customer.id")).result).toMatchObject({
        kind: "admitted",
        plan: { "customer.contact": { allow: false } },
      });
      expect(openWorld().submit(naming("customer.contact", "customer.id")).result).toMatchObject({
        kind: "admitted",
      });
    });

    it("is denied where one of them may not, by the rules that withhold it", () => {
      const world = openWorld();
      world.script = ({ resource }) => (resource.id === "customer.contact" ? DENY : ALLOW);
      const command = naming("customer.id", "customer.contact");
      expect(world.submit(command).result).toEqual(denied("data_denied", ["forbid-it"], "data"));
      expect(world.events.at(-1)).toMatchObject({ rules: { data: ["forbid-it"] } });
    });

    it("is denied where it names a class that nobody was asked about", () => {
      const world = openWorld();
      expect(world.submit(naming("unheard.of")).result).toEqual(
        denied("data_denied", ["default:data"], "data"),
      );
    });
  });

  it("denies a call when one class of data errors, though another may be shown", () => {
    const world = openWorld();
    world.script = ({ resource }) =>
      resource.id === "customer.contact" ? { ...SILENT, errors: ["broken"] } : ALLOW;
    expect(refused(world)).toEqual(denied("policy_error", ["broken"], "data"));
  });

  it("denies a tool whose result has no class at all", () => {
    const world = openWorld();
    world.bundle = bundleOf([readTool({ dataClasses: [] })]);
    expect(refused(world)).toEqual(denied("data_denied", ["default:data"], "data"));
  });

  it("carries a class named like an object's own machinery", () => {
    const world = openWorld();
    world.bundle = bundleOf([readTool({ dataClasses: ["__proto__", "constructor"] })]);
    const { result } = world.submit(callCommand("call_1"));
    if (result.kind !== "admitted") throw new Error(result.kind);
    expect(Object.keys(result.plan).sort()).toEqual(["__proto__", "constructor"]);
  });
});

describe("ceilings", () => {
  it.each([
    ["calls", "core:budget.calls"],
    ["cost", "core:budget.cost"],
    ["runtimeMs", "core:budget.runtime"],
  ] as const)(
    "of %s hold at the limit, refuse one past it, and Cedar is not asked",
    (name, rule) => {
      const tool = readTool({ cost: 1, timeoutMs: 1 });
      const world = new World();
      world.bundle = bundleOf(
        [tool],
        [{ ...EDGE, limits: { calls: 9, cost: 9, runtimeMs: 9, [name]: 3 } }],
      );
      world.submit(openCommand());
      for (const call of ["call_1", "call_2", "call_3"]) {
        expect(world.submit(callCommand(call)).result.kind).toBe("admitted");
      }
      world.script = () => {
        throw new Error("asked");
      };
      expect(refused(world, callCommand("call_4"))).toEqual(
        denied("budget_exhausted", [rule], "budget"),
      );
    },
  );

  it.each([NaN, Infinity])("hold against a cost of %s", (cost) => {
    const world = openWorld();
    world.bundle = bundleOf([readTool({ cost })]);
    expect(refused(world)).toEqual(denied("budget_exhausted", ["core:budget.cost"], "budget"));
  });

  it("bound the calls in flight, unrecorded and with a time to wait", () => {
    const world = new World();
    const limits = { calls: 1e6, cost: 1e9, runtimeMs: 1e12 };
    world.bundle = bundleOf([readTool()], [{ ...EDGE, limits }]);
    world.submit(openCommand());
    for (let n = 0; n < MAX_IN_FLIGHT; n++) world.submit(callCommand(`call_${n}`));
    expect(world.submit(callCommand("one_more"))).toEqual({
      events: [],
      result: { kind: "failed", code: "busy", retryAfterMs: 1_000 },
    });
    world.submit(answered("call_7"));
    expect(world.submit(callCommand("one_more")).result.kind).toBe("admitted");
  });

  it("bound the refusals that are recorded in one window, then the window passes", () => {
    const world = openWorld();
    world.script = () => DENY;
    for (let n = 0; n < MAX_REFUSALS; n++) refused(world, callCommand(`call_${n}`));
    world.now += 1_000;
    expect(world.submit(callCommand("one_more"))).toEqual({
      events: [],
      result: { kind: "failed", code: "rate_limited", retryAfterMs: REFUSAL_WINDOW_MS - 1_000 },
    });
    world.now += REFUSAL_WINDOW_MS - 1_000;
    refused(world, callCommand("one_more"));
    expect(world.state.refusals).toEqual({
      since: world.now,
      ...{ count: 1, denials: 1, exhausted: 0 },
      seats: { seat_1: { count: 1, denials: 1, exhausted: 0 } },
    });
  });

  it("ignore a second reservation under the same id", () => {
    const world = openWorld();
    world.submit(callCommand("call_1"));
    expect(world.submit(callCommand("call_1"))).toEqual({
      events: [],
      result: { kind: "ignored" },
    });
    expect(world.state.used.calls).toBe(1);
  });
});
