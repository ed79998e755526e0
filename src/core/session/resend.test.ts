import { describe, expect, it } from "vitest";
import type { ResendCommand } from "../model/command.ts";
import type { Lock } from "../model/lock.ts";
import {
  answered,
  approvalKind,
  approve,
  bundleOf,
  callCommand,
  DOWN,
  EDGE,
  failing,
  needing,
  previewed,
  readTool,
  seatCommand,
  sha256,
  type World,
  worldOf,
  writeTool,
} from "../testing.ts";
import { MAX_MOVED, MAX_RESENT, RESEND_MARGIN_MS } from "./limits.ts";

const HOUR = 3_600_000;
const KEYED = writeTool({ resendMs: HOUR });
const IGNORED = { events: [], result: { kind: "ignored" } };

const resend = (call: string, more: Partial<ResendCommand> = {}): ResendCommand => ({
  ...{ type: "resend", call, operation: sha256("operation"), txn: "txn_again" },
  presenter: { connector: "con_1", session: "session_2" },
  effect: "possible",
  ...more,
});
const lost = (world: World, call: string): World => {
  world.submit(failing(call, "connector_lost", "possible"));
  return world;
};
/** A mutation of unknown outcome, by a tool whose service knows keys for an hour. */
function unknown(tools = [readTool(), KEYED], more = {}): World {
  const world = worldOf(tools, more);
  world.submit(callCommand("call_1", { tool: KEYED.id }));
  return lost(world, "call_1");
}
/** To another connector, from memory. */
const move = (call: string, more: Partial<ResendCommand> = {}): ResendCommand =>
  resend(call, {
    ...{ operation: null, txn: "txn_moved" },
    presenter: { connector: "con_2", session: "session_2" },
    ...more,
  });
const lockOn = (target: Lock["target"], value: string): Lock => ({ id: "lck_1", target, value });

describe("a call of unknown outcome", () => {
  it("leaves once more, recorded before, under a token of its own and the session of now", () => {
    const world = unknown();
    const used = world.state.used;
    expect(world.submit(resend("call_1")).result).toEqual({ kind: "resent" });
    expect(world.events.at(-1)).toMatchObject({
      ...{ type: "call.resent", call: "call_1", chain: ["support-agent"], txn: "txn_again" },
      ...{ connector: "con_1", session: "session_2", lockEpoch: 1 },
      policyVersion: world.bundle.digest,
    });
    // It is paid for already, and what its connector says is about the session that has it now.
    expect(world.state.used).toEqual(used);
    expect(world.state.unknown).toMatchObject([
      { call: "call_1", session: "session_2", resent: 1 },
    ]);
    const found = { type: "reconcile", call: "call_1", finding: "committed" } as const;
    expect(world.submit({ ...found, session: "session_1" })).toEqual(IGNORED);
    world.submit({ ...found, session: "session_2" });
    expect(world.events.at(-1)).toMatchObject({ type: "call.reconciled", outcome: "ok" });
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("stays as it is for a tool that does not say how long its service knows a key", () => {
    const world = unknown([readTool(), writeTool()]);
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not leave again when its agent took it back", () => {
    const world = worldOf([readTool(), KEYED]);
    world.submit(callCommand("call_1", { tool: KEYED.id }));
    world.submit(failing("call_1", "cancelled", "possible"));
    expect(world.state.unknown).toMatchObject([{ call: "call_1", cancelled: true }]);
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not leave again while it is out, or when its end is known", () => {
    const world = worldOf([readTool(), KEYED]);
    world.submit(callCommand("call_1", { tool: KEYED.id }));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
    world.submit(answered("call_1"));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
    expect(world.submit(resend("call_2"))).toEqual(IGNORED);
  });

  it("goes to the connector that had it, whose journal alone can tell of it", () => {
    const presenter = { connector: "con_2", session: "session_2" };
    expect(unknown().submit(resend("call_1", { presenter }))).toEqual(IGNORED);
  });

  it("is the very same request, or another call", () => {
    expect(unknown().submit(resend("call_1", { operation: sha256("another") }))).toEqual(IGNORED);
  });

  it("leaves again well within the time that its service knows the key, and not one moment after", () => {
    const world = unknown();
    world.now += HOUR - RESEND_MARGIN_MS - 1;
    // The workflow's own end is not what is looked at here.
    expect(world.now).toBeLessThan(world.state.expiresAt);
    expect(world.decide(resend("call_1")).result.kind).toBe("resent");
    world.now += 1;
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not trust a clock that went back", () => {
    const world = unknown();
    world.now -= 1;
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("leaves so often, and no more", () => {
    const world = unknown();
    for (let n = 0; n < MAX_RESENT; n++) {
      expect(world.submit(resend("call_1", { txn: `txn_${n}` })).result.kind).toBe("resent");
    }
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
    expect(MAX_RESENT).toBe(8);
  });

  it("is decided under the rules it was admitted under, or not at all", () => {
    const world = unknown();
    world.bundle = bundleOf([readTool(), KEYED], [EDGE], sha256("another"));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("stays where it is once its workflow is closed, over, or may only read", () => {
    const closed = unknown();
    closed.submit({ type: "close", seat: null });
    expect(closed.submit(resend("call_1"))).toEqual(IGNORED);
    const over = unknown([readTool(), writeTool({ resendMs: 24 * HOUR })]);
    over.now = over.state.expiresAt;
    expect(over.submit(resend("call_1"))).toEqual(IGNORED);
    const contained = unknown(undefined, {
      containment: [
        // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
        { id: "r", signal: "tool_drift", count: 1, withinMs: 1_000, then: "read_only" },
      ],
    });
    const signal = { type: "signal", signal: "tool_drift", seat: null, call: null } as const;
    contained.submit({ ...signal, subject: null });
    expect(contained.state.readOnly).toBe(true);
    expect(contained.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "jkt-of-support-agent"],
    ["workflow", "wf_1"],
    ["tool", "tickets_open"],
    ["destination", "tickets"],
    ["connector", "con_1"],
    ["bundle", sha256("bundle")],
  ] as const)("does not leave under a lock on its %s", (target, value) => {
    const world = unknown();
    const known = target === "key" ? world.state.seats["seat_1"]!.jkt : value;
    world.lock(lockOn(target, known));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
    world.unlock();
    // A kill is for good; a pause is over when it is.
    const revokes = ["tenant", "human", "agent", "key", "workflow"].includes(target);
    expect(world.submit(resend("call_1")).result.kind).toBe(revokes ? "ignored" : "resent");
  });

  it("does not leave while nobody vouches for the locks", () => {
    const world = unknown();
    world.locks = null;
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not leave after somebody behind its seat was locked", () => {
    const world = worldOf([readTool(), KEYED], { delegations: [DOWN] });
    world.submit(seatCommand("seat_2"));
    world.submit(callCommand("call_1", { tool: KEYED.id, seat: "seat_2" }));
    lost(world, "call_1");
    expect(world.decide(resend("call_1")).result.kind).toBe("resent");
    world.lock(lockOn("agent", "support-agent"));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not leave for a tool whose own call is over: its seat ended with it", () => {
    const ask = readTool({ id: "ask", agent: "helper-agent" });
    const world = worldOf([ask, KEYED], { delegations: [DOWN] });
    world.submit(callCommand("asking", { tool: "ask" }));
    world.submit(seatCommand("seat_2", { call: "asking" }));
    world.submit(callCommand("call_1", { tool: KEYED.id, seat: "seat_2" }));
    lost(world, "call_1");
    expect(world.decide(resend("call_1")).result.kind).toBe("resent");
    world.submit(answered("asking"));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });

  it("does not leave after a human who approved it was locked", () => {
    const world = worldOf([readTool(), writeTool({ resendMs: HOUR, preview: ["ticket"] })], {
      approvalKinds: [approvalKind("finance")],
    });
    world.script = needing("finance");
    world.submit(callCommand("preview", { tool: KEYED.id }));
    expect(lost(world, "preview").state.unknown).toEqual([]);
    world.submit(callCommand("preview_2", { tool: KEYED.id }));
    world.submit(previewed("preview_2"));
    world.submit(approve(world.state.approvals[0]!));
    world.submit(callCommand("call_1", { tool: KEYED.id }));
    lost(world, "call_1");
    expect(world.decide(resend("call_1")).result.kind).toBe("resent");
    world.lock(lockOn("human", "human of finance"));
    expect(world.submit(resend("call_1"))).toEqual(IGNORED);
  });
});

describe("a call in flight whose connector is gone", () => {
  function out(tool = readTool().id, more = {}): World {
    const world = worldOf([readTool(), writeTool()], more);
    world.submit(callCommand("call_1", { tool }));
    return world;
  }
  const WRITE = writeTool().id;

  it("moves to another one when it only reads, recorded before, under a token of its own", () => {
    const world = out();
    const { used } = world.state;
    expect(world.submit(move("call_1")).result).toEqual({ kind: "resent" });
    expect(world.events.at(-1)).toMatchObject({
      ...{ type: "call.resent", call: "call_1", txn: "txn_moved", lockEpoch: 1 },
      ...{ connector: "con_2", session: "session_2", policyVersion: world.bundle.digest },
    });
    expect(world.state.used).toEqual(used);
    expect(world.state.inFlight).toMatchObject([{ call: "call_1", connector: "con_2" }]);
    world.submit(answered("call_1"));
    expect(world.events.at(-1)).toMatchObject({ type: "call.settled", outcome: "ok" });
    expect(world.submit(move("call_1"))).toEqual(IGNORED);
  });

  it("moves as a change only when that provably had no effect", () => {
    expect(out(WRITE).submit(move("call_1"))).toEqual(IGNORED);
    expect(out(WRITE).submit(move("call_1", { effect: "none" })).result.kind).toBe("resent");
  });

  it("moves as a preview, which has no effect of its own", () => {
    const world = worldOf([readTool(), writeTool({ preview: ["ticket"] })], {
      approvalKinds: [approvalKind("finance")],
    });
    world.script = needing("finance");
    world.submit(callCommand("call_1", { tool: WRITE }));
    expect(world.state.inFlight).toMatchObject([{ mode: "preview" }]);
    expect(world.submit(move("call_1")).result.kind).toBe("resent");
  });

  it("moves so often, and no more", () => {
    const world = out();
    for (let n = 0; n < MAX_MOVED; n++) {
      expect(world.submit(move("call_1", { txn: `txn_${n}` })).result.kind).toBe("resent");
    }
    expect(world.submit(move("call_1"))).toEqual(IGNORED);
    expect(MAX_MOVED).toBe(2);
  });

  it("moves from memory alone: whoever says what it was has let go of it", () => {
    const operation = sha256("operation");
    expect(out().submit(move("call_1", { operation }))).toEqual(IGNORED);
    // And what is settled already is nobody's to move.
    expect(unknown().submit(move("call_1", { effect: "none" }))).toEqual(IGNORED);
  });

  it("does not move to a connector that is locked, away from one that is it does", () => {
    const there = out();
    there.lock(lockOn("connector", "con_2"));
    expect(there.submit(move("call_1"))).toEqual(IGNORED);
    const here = out();
    here.lock(lockOn("connector", "con_1"));
    expect(here.submit(move("call_1")).result.kind).toBe("resent");
    // What it gives is withheld for the one that it is at.
    here.lock(lockOn("connector", "con_2"));
    here.submit(answered("call_1"));
    expect(here.events.at(-1)).toMatchObject({ type: "call.settled", code: "locked" });
  });

  it.each(["tenant", "human", "agent", "workflow", "tool", "destination", "bundle"] as const)(
    "does not move under a lock on its %s",
    (target) => {
      const world = out();
      const values = {
        ...{ tenant: "acme", human: "human-pseudonym", agent: "support-agent", workflow: "wf_1" },
        ...{ tool: readTool().id, destination: readTool().destination, bundle: sha256("bundle") },
      };
      world.lock(lockOn(target, values[target]));
      expect(world.submit(move("call_1"))).toEqual(IGNORED);
    },
  );

  it("does not move once its workflow is closed or over, or its rules are others", () => {
    const closed = out();
    closed.submit({ type: "close", seat: null });
    expect(closed.submit(move("call_1"))).toEqual(IGNORED);
    const over = out();
    over.now = over.state.expiresAt;
    expect(over.submit(move("call_1"))).toEqual(IGNORED);
    const other = out();
    other.bundle = bundleOf([readTool(), writeTool()], [EDGE], sha256("another"));
    expect(other.submit(move("call_1"))).toEqual(IGNORED);
  });

  it("moves as a read, and not as a change, where its workflow may only read", () => {
    const containment = [
      // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
      { id: "r", signal: "tool_drift", count: 1, withinMs: 1_000, then: "read_only" } as const,
    ];
    const signal = { type: "signal", signal: "tool_drift", seat: null, call: null } as const;
    for (const [tool, kind] of [
      [readTool().id, "resent"],
      [WRITE, "ignored"],
    ] as const) {
      const world = out(tool, { containment });
      world.submit({ ...signal, subject: null });
      expect(world.submit(move("call_1", { effect: "none" })).result.kind).toBe(kind);
    }
  });
});
