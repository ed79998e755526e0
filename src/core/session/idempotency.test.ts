import { describe, expect, it } from "vitest";
import type { CallCommand } from "../model/command.ts";
import {
  answered,
  approvalKind,
  approve,
  callCommand,
  DOWN,
  failing,
  fitting,
  needing,
  previewed,
  readTool,
  seatCommand,
  sha256,
  type World,
  worldOf,
  writeTool,
} from "../testing.ts";

function world(): World {
  const one = worldOf([readTool(), writeTool(), writeTool({ id: "other" })], {
    delegations: [DOWN],
  });
  one.submit(seatCommand("seat_2"));
  return one;
}

const write = (call: string, more: Partial<CallCommand> = {}): CallCommand =>
  callCommand(call, { tool: "tickets_open", ...more });
const keyed = (call: string, key = "key", more: Partial<CallCommand> = {}): CallCommand =>
  write(call, { idempotencyKey: key, ...more });
const other = { shaped: fitting({ operation: sha256("another") }) };
const unknown = (one: World, call: string): void => {
  one.submit(failing(call, "connector_lost", "possible"));
};

describe("a mutation with an idempotency key", () => {
  it("joins the call that used it first, in flight, ended, or of unknown end", () => {
    const joined = { events: [], result: { kind: "joined", call: "call_1" } };
    const one = world();
    one.submit(keyed("call_1"));
    expect(one.submit(keyed("call_2"))).toEqual(joined);
    one.submit(answered("call_1"));
    expect(one.submit(keyed("call_3"))).toEqual(joined);
    const lost = world();
    lost.submit(keyed("call_1"));
    unknown(lost, "call_1");
    expect(lost.submit(keyed("call_2"))).toEqual(joined);
    lost.submit({ type: "reconcile", call: "call_1", session: "session_1", finding: "committed" });
    expect(lost.submit(keyed("call_3"))).toEqual(joined);
  });

  it("conflicts with any other operation or seat under that key", () => {
    const one = world();
    one.submit(keyed("call_1"));
    one.submit(answered("call_1"));
    for (const second of [
      keyed("call_2", "key", other),
      keyed("call_3", "key", { seat: "seat_2" }),
    ]) {
      expect(one.submit(second)).toEqual({ events: [], result: { kind: "conflict" } });
    }
  });

  it("conflicts with the call that humans are asked about under that key, until they said no", () => {
    const one = worldOf([writeTool({ preview: ["ticket"] })], {
      approvalKinds: [approvalKind("finance")],
    });
    one.script = needing("finance");
    const about = (call: string, what: string): CallCommand =>
      keyed(call, "key", { shaped: fitting({ operation: sha256(what), target: what }) });
    const conflict = { events: [], result: { kind: "conflict" } };
    // While its preview is out, while it waits, and once it is approved.
    expect(one.submit(about("call_1", "one")).result.kind).toBe("admitted");
    expect(one.submit(about("call_2", "two"))).toEqual(conflict);
    one.submit(previewed("call_1"));
    expect(one.submit(about("call_3", "two"))).toEqual(conflict);
    expect(one.submit(about("call_4", "one")).result.kind).toBe("waiting");
    const asked = one.state.approvals[0]!;
    const rejected = worldOf([writeTool({ preview: ["ticket"] })], {
      approvalKinds: [approvalKind("finance")],
    });
    rejected.script = needing("finance");
    rejected.submit(about("call_1", "one"));
    rejected.submit(previewed("call_1"));
    rejected.submit({ ...approve(rejected.state.approvals[0]!), verdict: "reject" });
    expect(rejected.submit(about("call_2", "two")).result.kind).toBe("admitted");
    one.submit(approve(asked));
    expect(one.submit(about("call_5", "two"))).toEqual(conflict);
    expect(one.submit(about("call_6", "one")).result.kind).toBe("admitted");
    expect(one.submit(about("call_7", "two"))).toEqual(conflict);
  });

  it("is its own beside an identical one with another key, and beside another tool", () => {
    const one = world();
    one.submit(keyed("call_1"));
    expect(one.submit(keyed("call_2", "another key")).result.kind).toBe("admitted");
    expect(one.submit(keyed("call_3", "key", { tool: "other" })).result.kind).toBe("admitted");
  });

  it.each([
    ["failed for certain", failing("call_1", "upstream_rejected", "none")],
    ["never left", failing("call_1", "not_dispatched", "none")],
    ["met another state than expected", failing("call_1", "preview_stale", "none")],
  ] as const)("may use its key again when the first %s", (_name, end) => {
    const one = world();
    one.submit(keyed("call_1"));
    one.submit(end);
    expect(one.state.keys).toEqual({});
    expect(one.submit(keyed("call_2")).result.kind).toBe("admitted");
  });

  it.each(["never", "aborted"] as const)("and when it is found out: %s", (finding) => {
    const one = world();
    one.submit(keyed("call_1"));
    unknown(one, "call_1");
    one.submit({ type: "reconcile", call: "call_1", session: "session_1", finding });
    expect(one.submit(keyed("call_2")).result.kind).toBe("admitted");
  });

  it.each(["__proto__", "constructor", "", "a/b", "\u0000"])(
    "named %j is an ordinary key",
    (key) => {
      const one = world();
      expect(one.submit(keyed("call_1", key)).result.kind).toBe("admitted");
      expect(one.submit(keyed("call_2", key)).result).toEqual({ kind: "joined", call: "call_1" });
    },
  );

  it("leaves only a keyed digest of its key in the record", () => {
    const one = world();
    one.submit(keyed("call_1", "canary"));
    expect(one.stored.at(-1)!.bytes).not.toContain("canary");
  });
});

describe("a mutation without a key", () => {
  it("joins an identical one in flight, whatever key that one has", () => {
    for (const first of [write("call_1"), keyed("call_1")]) {
      const one = world();
      one.submit(first);
      expect(one.submit(write("call_2"))).toEqual({
        events: [],
        result: { kind: "joined", call: "call_1" },
      });
    }
  });

  it("joins no other operation, seat or tool, and none that has ended", () => {
    const one = world();
    one.submit(write("call_1"));
    const others = [
      write("call_2", other),
      write("call_3", { seat: "seat_2" }),
      write("call_4", { tool: "other" }),
    ];
    for (const second of others) expect(one.submit(second).result.kind).toBe("admitted");
    one.submit(answered("call_1"));
    expect(one.submit(write("call_5")).result.kind).toBe("admitted");
  });

  const REFUSED = {
    kind: "denied",
    code: "effect_unknown",
    policyClass: null,
    ruleIds: ["core:idempotency"],
    blockedBy: "call_1",
  };

  it("is refused while the end of an identical one is unknown, whoever sent it", () => {
    for (const first of [write("call_1"), keyed("call_1")]) {
      const one = world();
      one.submit(first);
      unknown(one, "call_1");
      expect(one.submit(write("call_2")).result).toEqual(REFUSED);
      expect(one.events.at(-1)).toMatchObject({ type: "call.refused", blockedBy: "call_1" });
      expect(one.submit(write("call_3", { seat: "seat_2" })).result).toEqual(REFUSED);
      expect(one.submit(write("call_4", other)).result.kind).toBe("admitted");
    }
  });

  it("is let in again once that is known", () => {
    for (const finding of ["never", "aborted", "committed"] as const) {
      const one = world();
      one.submit(write("call_1"));
      unknown(one, "call_1");
      one.submit({ type: "reconcile", call: "call_1", session: "session_1", finding });
      expect(one.submit(write("call_2")).result.kind).toBe("admitted");
    }
  });
});

describe("a read", () => {
  it("is never held up by one that is like it", () => {
    const one = world();
    for (const call of ["call_1", "call_2"]) {
      expect(one.submit(callCommand(call, { idempotencyKey: "key" })).result.kind).toBe("admitted");
    }
  });
});

describe("a mutation that nobody could know again", () => {
  it("is not admitted", () => {
    const one = world();
    const nameless = write("call_1", { shaped: fitting({ operation: null }) });
    expect(one.submit(nameless).result).toEqual({ kind: "failed", code: "internal_error" });
  });
});
