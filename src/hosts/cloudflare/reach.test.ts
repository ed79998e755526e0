import { describe, expect, it } from "vitest";
import { FakeClock, settle } from "../../tunnel/testing.ts";
import type { Stub } from "./platform.ts";
import { Leases } from "./reach.ts";
import type { SessionObject } from "./session.ts";
import { LEASE_MS } from "./standing.ts";

const LOCK = { id: "lck_1", target: "workflow", value: "wf_1" } as const;

/** A tenant's object that has run for longer than a lease, and sessions that answer when they are let. */
async function world(ran = LEASE_MS) {
  const clock = new FakeClock();
  const cut: string[] = [];
  const asked = new Map<string, PromiseWithResolvers<void>>();
  const stub = (workflow: string): Stub<SessionObject> => {
    const answer = Promise.withResolvers<void>();
    asked.set(workflow, answer);
    return { renew: () => answer.promise } as Stub<SessionObject>;
  };
  const end = {
    cut: (_tenant: string, calls: ReadonlySet<string>) => void cut.push(...calls),
    expel: () => undefined,
    beatNow: () => undefined,
  };
  const leases = new Leases({
    tenant: "acme",
    end,
    keys: { revoke: () => undefined },
    clock,
    stub,
  });
  await clock.pass(ran);
  const lock = (): { done: boolean } => {
    const state = { done: false };
    leases.moved("acme");
    void leases.reached.then(() => (state.done = true));
    return state;
  };
  return { clock, cut, asked, leases, lock };
}

describe("a lock", () => {
  it("is in force at once where nobody holds a lease", async () => {
    const { lock } = await world();
    const state = lock();
    await settle();
    expect(state.done).toBe(true);
  });

  it("is in force when each holder has asked again", async () => {
    const { leases, lock, asked } = await world();
    leases.grant("wf_1");
    leases.grant("wf_2");
    const state = lock();
    asked.get("wf_1")!.resolve();
    await settle();
    expect(state.done).toBe(false);
    asked.get("wf_2")!.resolve();
    await settle();
    expect(state.done).toBe(true);
  });

  it.each(["says nothing", "answers that it cannot"])(
    "is in force when the lease of a holder that %s has run out, and not before",
    async (what) => {
      const { leases, lock, asked, clock } = await world();
      leases.grant("wf_1");
      const state = lock();
      if (what !== "says nothing") asked.get("wf_1")!.reject(new Error("gone"));
      await clock.pass(LEASE_MS - 1);
      expect(state.done).toBe(false);
      await clock.pass(1);
      expect(state.done).toBe(true);
    },
  );

  it("counts a holder from its last question, whoever asked in between", async () => {
    const { leases, lock, clock } = await world();
    leases.grant("wf_1");
    await clock.pass(LEASE_MS - 1);
    leases.grant("wf_1");
    await clock.pass(1);
    // All that have ended leave with this one, and nobody else.
    leases.grant("wf_2");
    const state = lock();
    await clock.pass(LEASE_MS - 2);
    expect(state.done).toBe(false);
    await clock.pass(2);
    expect(state.done).toBe(true);
  });

  it("waits one whole lease after a start: holders of before are not known", async () => {
    const { lock, clock } = await world(0);
    const state = lock();
    await clock.pass(LEASE_MS - 1);
    expect(state.done).toBe(false);
    await clock.pass(1);
    expect(state.done).toBe(true);
  });

  it("cuts the calls that it holds, wherever in their line, and no others", async () => {
    const { leases, cut } = await world();
    leases.left("call_1", { workflow: "wf_1", line: [{ workflow: "wf_1", agent: "a" }] });
    leases.left("call_2", { workflow: "wf_2", line: [{ workflow: "wf_2", agent: "b" }] });
    leases.left("call_3", {
      workflow: "wf_2",
      line: [
        { workflow: "wf_2", agent: "b" },
        { workflow: "wf_1", agent: "c" },
      ],
    });
    expect(leases.cut("acme", LOCK)).toEqual(["call_1", "call_3"]);
    expect(cut).toEqual(["call_1", "call_3"]);
    leases.ended("call_1");
    expect([...leases.unended("acme", new Set(["call_1", "call_3"]))]).toEqual(["call_3"]);
  });
});
