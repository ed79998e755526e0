import { describe, expect, it } from "vitest";
import type { Command } from "../model/command.ts";
import { bundleOf, DOWN, mac, openWorld, seatCommand, World } from "../testing.ts";
import { MAX_CHECKPOINT_BYTES } from "./limits.ts";

const IGNORED = { events: [], result: { kind: "ignored" } };
const checkpoint = (bytes = 20, seat = "seat_1"): Command => ({
  type: "checkpoint",
  seat,
  value: { step: 2, note: "canary" },
  bytes,
});
const renew = (seat = "seat_1"): Command => ({ type: "renew", seat });

describe.each([
  ["renew", renew],
  ["checkpoint", (seat?: string) => checkpoint(20, seat)],
] as const)("%s", (_name, command) => {
  it("is for a living seat of an open workflow", () => {
    const world = openWorld();
    expect(world.submit(command()).result).toEqual({ kind: "done" });
    expect(world.submit(command("seat_2"))).toEqual(IGNORED);
    expect(world.submit(command("__proto__"))).toEqual(IGNORED);
    expect(new World().submit(command())).toEqual(IGNORED);
  });

  it("ends with the workflow, to the millisecond", () => {
    const world = openWorld();
    world.now = world.state.expiresAt - 1;
    expect(world.decide(command()).events).toHaveLength(1);
    world.now = world.state.expiresAt;
    expect(world.submit(command())).toEqual(IGNORED);
    const closed = openWorld();
    closed.submit({ type: "close", seat: null });
    expect(closed.submit(command())).toEqual(IGNORED);
  });

  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
    ["workflow", "wf_1"],
  ] as const)("is refused under a lock on the %s", (target, value) => {
    const world = openWorld();
    world.lock({ id: "l1", target, value });
    expect(world.submit(command())).toEqual({
      events: [],
      result: { kind: "denied", code: "locked", policyClass: null, ruleIds: ["lock:l1"] },
    });
  });

  it("fails while the host cannot vouch for the locks", () => {
    const world = openWorld();
    world.locks = null;
    expect(world.submit(command())).toEqual({
      events: [],
      result: { kind: "failed", code: "locks_unavailable" },
    });
  });
});

describe("a checkpoint", () => {
  it("leaves a keyed digest in the record and nothing else", () => {
    const world = openWorld();
    world.submit(checkpoint());
    expect(world.events.at(-1)).toMatchObject({
      type: "checkpoint.saved",
      bytes: 20,
      digest: mac('{"note":"canary","step":2}'),
    });
    expect(world.stored.at(-1)!.bytes).not.toContain("canary");
  });

  it("is bounded, at the limit and one past it", () => {
    const world = openWorld();
    expect(world.submit(checkpoint(MAX_CHECKPOINT_BYTES)).result.kind).toBe("done");
    expect(world.submit(checkpoint(MAX_CHECKPOINT_BYTES + 1))).toEqual(IGNORED);
  });
});

describe("closing", () => {
  it("depends on neither locks nor time nor policy, and happens once", () => {
    const world = openWorld();
    world.locks = null;
    world.now = world.state.expiresAt + 1;
    world.script = () => {
      throw new Error("down");
    };
    expect(world.submit({ type: "close", seat: null }).result).toEqual({ kind: "done" });
    expect(world.state.status).toBe("closed");
    expect(world.submit({ type: "close", seat: null })).toEqual(IGNORED);
  });

  it("is not for a seat that was given: it has no say over its giver", () => {
    const world = openWorld();
    world.bundle = bundleOf(undefined, undefined, undefined, { delegations: [DOWN] });
    expect(world.submit(seatCommand("seat_2")).result.kind).toBe("granted");
    for (const seat of ["seat_2", "seat_3", "constructor"]) {
      expect(world.submit({ type: "close", seat })).toEqual(IGNORED);
    }
    expect(world.submit({ type: "close", seat: "seat_1" }).result).toEqual({ kind: "done" });
  });

  it("has nothing to close before the opening", () => {
    expect(new World().submit({ type: "close", seat: null })).toEqual(IGNORED);
  });
});
