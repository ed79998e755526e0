import { describe, expect, it } from "vitest";
import type { SettleCommand } from "../model/command.ts";
import { decide } from "./decide.ts";
import {
  ALLOW,
  answered,
  callCommand,
  failing,
  openWorld,
  SILENT,
  type World,
} from "../testing.ts";

function read(): World {
  const world = openWorld();
  world.submit(callCommand("call_1"));
  return world;
}

function write(): World {
  const world = openWorld();
  world.submit(callCommand("call_1", { tool: "tickets_open" }));
  return world;
}

function lockAll(world: World): void {
  world.lock({ id: "stop", target: "workflow", value: "wf_1" });
}

function ending(world: World, command: SettleCommand): unknown {
  const { result, events } = world.submit(command);
  if (result.kind !== "settled") throw new Error(result.kind);
  const { outcome, code, ruleIds } = result;
  expect(events).toMatchObject([{ type: "call.settled", outcome, code, ruleIds }]);
  return { outcome, code, ruleIds };
}

describe("settling", () => {
  it("ends an answered call as ok and records what was measured", () => {
    const world = read();
    expect(ending(world, answered("call_1"))).toEqual({ outcome: "ok", code: null, ruleIds: [] });
    expect(world.events.at(-1)).toMatchObject({ bytes: 120, calls: 1, cost: 10, runtimeMs: 40 });
    expect(world.state.used).toMatchObject({ calls: 1, cost: 10, runtimeMs: 40, tokens: 30 });
    expect(world.state.inFlight).toEqual([]);
  });

  const PLAIN = {
    redactions: [],
    dropped: 0,
    undeclared: 0,
    truncated: false,
    bytes: 1,
    canaries: 0,
  };
  it.each([
    [
      { redactions: [{ path: "/email", dataClass: "customer.contact", count: 2 }] },
      "partial_result",
    ],
    [{ dropped: 1 }, "partial_result"],
    [{ truncated: true }, "partial_result"],
    [{ undeclared: 3 }, "ok"],
  ])("calls %j %s", (more, outcome) => {
    const world = read();
    const settlement = { kind: "answered" as const, ...PLAIN, ...more };
    expect(ending(world, answered("call_1", { settlement }))).toEqual({
      outcome,
      code: null,
      ruleIds: [],
    });
    expect(world.events.at(-1)).toMatchObject({ ...PLAIN, ...more });
  });

  it("happens once: a second end, or one nobody asked for, is ignored", () => {
    const world = read();
    world.submit(answered("call_1"));
    const before = world.state;
    for (const call of ["call_1", "call_2", "__proto__"]) {
      expect(world.submit(answered(call))).toEqual({ events: [], result: { kind: "ignored" } });
    }
    expect(world.state).toBe(before);
  });

  it("is possible after the workflow was closed or has expired", () => {
    const world = read();
    world.submit({ type: "close", seat: "seat_1" });
    world.now = world.state.expiresAt + 1;
    expect(ending(world, answered("call_1"))).toMatchObject({ outcome: "ok" });
  });

  it("names the policy version of the admission, also under another bundle", () => {
    const world = read();
    const { digest } = world.bundle;
    world.bundle = { ...world.bundle, digest: "another" };
    expect(world.submit(answered("call_1")).result).toMatchObject({ policyVersion: digest });
  });
});

describe("a failure", () => {
  it("of a read is failed, whether or not the request got through", () => {
    for (const effect of ["none", "possible"] as const) {
      expect(ending(read(), failing("call_1", "connector_lost", effect))).toEqual({
        outcome: "failed",
        code: "connector_lost",
        ruleIds: [],
      });
    }
  });

  it("of a mutation is failed only with a proof that nothing happened", () => {
    expect(ending(write(), failing("call_1", "connection_refused", "none"))).toMatchObject({
      outcome: "failed",
      code: "connection_refused",
    });
    const world = write();
    expect(ending(world, failing("call_1", "deadline_exceeded", "possible"))).toMatchObject({
      outcome: "outcome_unknown",
      code: "deadline_exceeded",
    });
    expect(world.state.unknown.map((one) => one.call)).toEqual(["call_1"]);
  });

  it("costs nothing when the call provably never left", () => {
    const world = write();
    expect(ending(world, failing("call_1", "not_dispatched", "none"))).toMatchObject({
      outcome: "failed",
      code: "not_dispatched",
    });
    expect(world.events.at(-1)).toMatchObject({ calls: 0, cost: 0, runtimeMs: 0 });
    expect(world.state.used).toMatchObject({ calls: 0, cost: 0, runtimeMs: 0, tokens: 0 });
    expect(world.state.writeDomains).toEqual({});
  });

  it("that only claims not to have left stays charged and claimed", () => {
    const world = write();
    expect(ending(world, failing("call_1", "not_dispatched", "possible"))).toMatchObject({
      outcome: "outcome_unknown",
    });
    expect(world.state.used).toMatchObject({ calls: 1, cost: 10 });
    expect(world.state.writeDomains).toMatchObject({ tickets: { calls: 1 } });
  });

  it("keeps labels: data may have flowed", () => {
    const world = read();
    ending(world, failing("call_1", "not_dispatched", "none"));
    expect(world.state.labels).toEqual(["pii"]);
  });
});

describe("time", () => {
  it.each([
    [0, 0],
    [0.2, 1],
    [999.5, 1_000],
    [1_000, 1_000],
    [1e9, 1_000],
    [-5, 1_000],
    [NaN, 1_000],
    [Infinity, 1_000],
  ])("of %s ms is charged as %s, whole and never more than was reserved", (runtimeMs, charged) => {
    const world = read();
    // Asked directly: a time without JSON form has no input that could be sealed.
    const { events } = decide(world.state, answered("call_1", { runtimeMs }), world.facts, "");
    expect(events).toMatchObject([{ runtimeMs: charged }]);
  });
});

describe("a lock that came while the call was out", () => {
  it("withholds the result of a read", () => {
    const world = read();
    lockAll(world);
    expect(ending(world, answered("call_1"))).toEqual({
      outcome: "policy_denied",
      code: "locked",
      ruleIds: ["lock:stop"],
    });
    expect(world.state.inFlight).toEqual([]);
  });

  it("leaves a mutation unknown, unless nothing happened for certain", () => {
    const world = write();
    lockAll(world);
    expect(ending(world, answered("call_1"))).toEqual({
      outcome: "outcome_unknown",
      code: "interrupted",
      ruleIds: ["lock:stop"],
    });
    const proven = write();
    lockAll(proven);
    expect(ending(proven, failing("call_1", "upstream_rejected", "none"))).toMatchObject({
      outcome: "failed",
      code: "upstream_rejected",
    });
  });

  it("counts for what the call was admitted with", () => {
    const targets = [
      ["tenant", "acme"],
      ["human", "human-pseudonym"],
      ["agent", "support-agent"],
      ["key", "thumbprint"],
      ["workflow", "wf_1"],
      ["tool", "customers_find"],
      ["destination", "billing"],
      ["connector", "con_1"],
    ] as const;
    for (const [target, value] of targets) {
      const world = read();
      world.lock({ id: "l", target, value });
      expect(ending(world, answered("call_1"))).toMatchObject({ code: "locked" });
    }
    const world = read();
    world.lock({ id: "l", target: "bundle", value: world.bundle.digest });
    world.bundle = { ...world.bundle, digest: "activated since" };
    expect(ending(world, answered("call_1"))).toMatchObject({ code: "locked" });
  });

  it("is assumed where the host cannot vouch for the locks", () => {
    const world = read();
    world.locks = null;
    expect(ending(world, answered("call_1"))).toEqual({
      outcome: "policy_denied",
      code: "locked",
      ruleIds: ["core:locks"],
    });
  });

  it("does not ask the policy engine", () => {
    const world = read();
    world.script = () => {
      throw new Error("down");
    };
    lockAll(world);
    expect(ending(world, answered("call_1"))).toMatchObject({ code: "locked" });
  });
});

describe("reconciling", () => {
  function unknown(): World {
    const world = write();
    world.submit(failing("call_1", "connector_lost", "possible"));
    return world;
  }

  it("releases what was reserved when the dead session proves that it never saw the call", () => {
    const world = unknown();
    expect(
      world.submit({ type: "reconcile", call: "call_1", session: "session_1", finding: "never" })
        .result,
    ).toEqual({
      kind: "done",
    });
    expect(world.events.at(-1)).toMatchObject({
      type: "call.reconciled",
      outcome: "failed",
      code: "not_dispatched",
      calls: 0,
      cost: 0,
      runtimeMs: 0,
    });
    expect(world.state).toMatchObject({
      used: { calls: 0, cost: 0, runtimeMs: 0 },
      writeDomains: {},
      unknown: [],
    });
  });

  it("takes the word of no other session, and only once", () => {
    const world = unknown();
    const ignored = { events: [], result: { kind: "ignored" } };
    expect(
      world.submit({ type: "reconcile", call: "call_1", session: "session_2", finding: "never" }),
    ).toEqual(ignored);
    expect(
      world.submit({ type: "reconcile", call: "call_2", session: "session_1", finding: "never" }),
    ).toEqual(ignored);
    world.submit({ type: "reconcile", call: "call_1", session: "session_1", finding: "never" });
    expect(
      world.submit({ type: "reconcile", call: "call_1", session: "session_1", finding: "never" }),
    ).toEqual(ignored);
  });

  it("has nothing to say of a call that is still out, or ended known", () => {
    const world = write();
    const command = {
      type: "reconcile",
      call: "call_1",
      session: "session_1",
      finding: "never",
    } as const;
    expect(world.submit(command).events).toEqual([]);
    world.submit(answered("call_1"));
    expect(world.submit(command).events).toEqual([]);
  });
});

describe("a redaction planned at admission", () => {
  it("does not make a result partial by itself: only what was taken out does", () => {
    const world = openWorld();
    world.script = ({ resource }) => (resource.id === "customer.contact" ? SILENT : ALLOW);
    world.submit(callCommand("call_1"));
    expect(ending(world, answered("call_1"))).toMatchObject({ outcome: "ok" });
  });
});
