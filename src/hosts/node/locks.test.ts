import { describe, expect, it } from "vitest";
import { MAX_LIFE_MS } from "../../core/session/limits.ts";
import { containing } from "./containment.ts";
import { MAX_LOCKS } from "./locks.ts";
import { temporaryFolder } from "./testing.ts";
import { added, hostAt, lock, MINUTE_MS, table, turn, types } from "./testing-locks.ts";

describe("a lock", () => {
  it("is in force in the turn in which it is added, and acknowledged when it is on disk", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    expect(table(host)).toEqual({ epoch: 0, locks: [], revocations: [] });
    const { lock: one, recorded } = added(host, lock("tool", "notes_read"));
    expect(table(host)).toEqual({
      epoch: 1,
      locks: [{ id: one.id, target: "tool", value: "notes_read" }],
      revocations: [],
    });
    expect(host.reach.cuts).toEqual(["acme tool notes_read"]);
    expect(host.reach.moves).toEqual(["acme"]);
    expect(types(host)).toEqual([]);
    expect(await recorded).toMatchObject({ durable: true, drainedAt: host.clock.now() });
    expect(types(host)).toEqual(["lock.added", "lock.drained"]);
  });

  it("is nobody else's: tenants have their own locks and epochs", () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    added(host, lock("agent", "support-agent"));
    expect(table(host, "globex")).toEqual({ epoch: 0, locks: [], revocations: [] });
    expect(host.locks.now("nobody")).toBe(null);
    expect(host.locks.add("nobody", lock("tool", "x"))).toEqual({
      ok: false,
      code: "locks_unavailable",
    });
  });

  it("asked for again is the one that is there; for longer, it is another one", () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const until = host.clock.now() + MINUTE_MS;
    const one = added(host, lock("tool", "notes_read", { expiresAt: until }));
    const same = added(host, lock("tool", "notes_read", { expiresAt: until }));
    const longer = added(host, lock("tool", "notes_read"));
    const shorter = added(host, lock("tool", "notes_read", { expiresAt: until }));
    expect(same.lock.id).toBe(one.lock.id);
    expect(longer.lock.id).not.toBe(one.lock.id);
    expect([one.lock.id, longer.lock.id]).toContain(shorter.lock.id);
    expect(table(host).epoch).toBe(2);
  });

  it("on a workflow ends when no workflow can be left, and is not repeated by a rule", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const one = added(host, lock("workflow", "wf_1"));
    expect(Number(one.lock.expiresAt) - host.clock.now()).toBeGreaterThan(MAX_LIFE_MS);
    await host.clock.pass(MINUTE_MS);
    expect(added(host, lock("workflow", "wf_1")).lock.id).toBe(one.lock.id);
  });

  it("finds room up to a cap; the whole tenant can be stopped past it", () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    for (let n = 0; n < MAX_LOCKS; n++) added(host, lock("key", String(n)));
    expect(host.locks.add("acme", lock("key", "one more"))).toEqual({
      ok: false,
      code: "too_many_locks",
    });
    expect(host.locks.add("acme", lock("tenant", "acme")).ok).toBe(true);
  });

  it("that a rule wants is in force however many there are, as its signal says", () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    for (let n = 0; n < MAX_LOCKS; n++) added(host, lock("key", String(n)));
    const log: unknown[] = [];
    const lock1 = { target: "workflow", value: "wf_1" } as const;
    containing(host.locks, (line) => log.push(line))({
      ...{ tenant: "acme", workflow: "wf_1", signal: "canary_tool" },
      containment: { ruleId: "containment:trap", lock: lock1 },
    });
    expect(host.locks.now("acme")?.locks).toContainEqual(expect.objectContaining(lock1));
    expect(log).toHaveLength(1);
  });
});

describe("drained", () => {
  it("is when every call in flight has its durable end, and not before", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    host.reach.inFlight.add("call_1").add("call_2");
    const { recorded } = added(host, lock("tool", "notes_read"));
    expect(await recorded).toMatchObject({ durable: true, calls: 2, drainedAt: null });
    host.reach.inFlight.delete("call_1");
    await host.journal.write([]);
    expect(host.locks.list("acme")).toMatchObject([{ calls: 2, drainedAt: null }]);
    host.reach.inFlight.delete("call_2");
    await host.journal.write([]);
    expect(host.locks.list("acme")).toMatchObject([{ calls: 2, drainedAt: host.clock.now() }]);
    await turn();
    expect(types(host)).toEqual(["lock.added", "lock.drained"]);
  });

  it("comes also where the end of a call was lost with a commit, and nobody asks", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    host.reach.inFlight.add("call_1");
    host.reach.stranded.add("call_1");
    await added(host, lock("tool", "notes_read")).recorded;
    expect(host.locks.list("acme")).toMatchObject([{ drainedAt: null }]);
    await host.clock.pass(1_000);
    expect(host.locks.list("acme")).toMatchObject([{ drainedAt: host.clock.now() }]);
  });

  it("is looked for again after a restart", async () => {
    using folder = temporaryFolder();
    {
      using host = hostAt(folder.path);
      host.reach.inFlight.add("call_1");
      await added(host, lock("tool", "notes_read")).recorded;
      expect(types(host)).toEqual(["lock.added"]);
    }
    using host = hostAt(folder.path);
    await turn();
    expect(host.locks.list("acme")).toMatchObject([{ calls: 1, drainedAt: host.clock.now() }]);
    expect(types(host)).toEqual(["lock.added", "lock.drained"]);
  });
});
