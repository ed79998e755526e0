import { describe, expect, it } from "vitest";
import { bundleOf, callCommand, openWorld, type World } from "../testing.ts";

/** The result and the recorded code of one refused call. */
function refused(world: World, command = callCommand("call_1")): unknown {
  const { events, result } = world.submit(command);
  expect(events).toMatchObject([{ type: "call.refused", code: (result as { code: string }).code }]);
  return result;
}

const LOCKED = { kind: "denied", code: "locked", policyClass: null, ruleIds: ["lock:l1"] };

describe("locks", () => {
  const TARGETS = [
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
    ["workflow", "wf_1"],
    ["tool", "tickets_open"],
    ["destination", "tickets"],
    ["connector", "con_1"],
    ["bundle", bundleOf().digest],
  ] as const;

  it.each(TARGETS)("on the %s admit nothing, whatever the rules say", (target, value) => {
    const world = openWorld();
    world.lock({ id: "l1", target, value });
    expect(refused(world, callCommand("call_1", { tool: "tickets_open" }))).toEqual(LOCKED);
  });

  it.each(TARGETS)("on another %s change nothing", (target) => {
    const world = openWorld();
    world.lock({ id: "l1", target, value: "another" });
    expect(world.submit(callCommand("call_1", { tool: "tickets_open" })).result.kind).toBe(
      "admitted",
    );
    expect(world.events.at(-1)).toMatchObject({ lockEpoch: 2 });
  });

  it("that the host cannot vouch for admit nothing", () => {
    const world = openWorld();
    world.locks = null;
    expect(refused(world)).toEqual({ kind: "failed", code: "locks_unavailable" });
  });

  it("hold without the policy engine", () => {
    const world = openWorld();
    world.script = () => {
      throw new Error("down");
    };
    world.lock({ id: "l1", target: "workflow", value: "wf_1" });
    expect(refused(world)).toEqual(LOCKED);
  });
});
