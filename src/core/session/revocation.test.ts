import { describe, expect, it } from "vitest";
import type { Lock } from "../model/lock.ts";
import {
  answered,
  callCommand,
  DOWN,
  openCommand,
  readTool,
  seatCommand,
  World,
  worldOf,
} from "../testing.ts";

/** A lock that is gone lets new workflows in, and nobody who was let in before it. */

function world(): World {
  const one = worldOf([readTool()], { delegations: [DOWN] });
  one.submit(seatCommand("seat_2"));
  return one;
}
const fresh = (locks: World["locks"]): World => {
  const one = new World();
  one.locks = locks;
  one.submit(openCommand());
  return one;
};
const lock = (target: Lock["target"], value: string): Lock => ({ id: "l1", target, value });
const LOCKED = { kind: "denied", code: "locked", ruleIds: ["lock:l1"] };

describe("removing a lock", () => {
  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
    ["workflow", "wf_1"],
  ] as const)("on the %s revives no seat of before, for good", (target, value) => {
    const one = world();
    one.lock(lock(target, value));
    one.unlock();
    for (let later = 0; later < 3; later++) {
      for (const seat of ["seat_1", "seat_2"]) {
        expect(one.submit(callCommand("call_1", { seat })).result).toMatchObject(LOCKED);
        expect(one.submit({ type: "renew", seat }).result).toMatchObject(LOCKED);
      }
      expect(one.submit(seatCommand("seat_9")).result).toMatchObject(LOCKED);
      // Other locks come and go, and epochs with them.
      one.lock({ id: "l2", target: "tool", value: "another" });
      one.unlock();
      one.now += 60_000;
    }
  });

  it.each([
    ["tool", "customers_find"],
    ["destination", "billing"],
    ["connector", "con_1"],
  ] as const)("on the %s ends a pause", (target, value) => {
    const one = world();
    one.lock(lock(target, value));
    expect(one.submit(callCommand("call_1")).result).toMatchObject(LOCKED);
    one.unlock();
    expect(one.submit(callCommand("call_2")).result.kind).toBe("admitted");
  });

  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
  ] as const)("on the %s lets new workflows in", (target, value) => {
    const one = world();
    one.lock(lock(target, value));
    expect(fresh(one.locks).state.status).toBe("new");
    one.unlock();
    const next = fresh(one.locks);
    expect(next.submit(callCommand("call_1")).result.kind).toBe("admitted");
    expect(next.submit({ type: "renew", seat: "seat_1" }).result).toEqual({ kind: "done" });
  });

  it("withholds what was still under way", () => {
    const one = world();
    one.submit(callCommand("call_1"));
    one.lock(lock("human", "human-pseudonym"));
    one.unlock();
    expect(one.submit(answered("call_1")).result).toMatchObject({
      outcome: "policy_denied",
      code: "locked",
      ruleIds: ["lock:l1"],
    });
  });
});

describe("a lock on a sub-agent", () => {
  it.each([
    ["agent", "helper-agent"],
    ["key", "another thumbprint"],
  ] as const)("by its %s cuts its branch and leaves its giver alone", (target, value) => {
    const one = world();
    one.lock(lock(target, value));
    expect(one.submit(callCommand("call_1", { seat: "seat_2" })).result).toMatchObject(LOCKED);
    expect(one.submit(callCommand("call_2")).result.kind).toBe("admitted");
    one.unlock();
    expect(one.submit(callCommand("call_3", { seat: "seat_2" })).result).toMatchObject(LOCKED);
  });

  it("once removed, lets its giver give it another seat, which lives", () => {
    const one = world();
    one.lock(lock("agent", "helper-agent"));
    expect(one.submit(seatCommand("seat_3")).result).toMatchObject(LOCKED);
    one.unlock();
    expect(one.submit(seatCommand("seat_3")).result.kind).toBe("granted");
    expect(one.submit(callCommand("call_1", { seat: "seat_3" })).result.kind).toBe("admitted");
    expect(one.submit(callCommand("call_2", { seat: "seat_2" })).result).toMatchObject(LOCKED);
  });

  it("does not hold the approver's or another human's workflow", () => {
    const one = world();
    one.lock(lock("human", "somebody else"));
    expect(one.submit(callCommand("call_1")).result.kind).toBe("admitted");
  });
});
