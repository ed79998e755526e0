import { describe, expect, it } from "vitest";
import { lockRules } from "../../core/session/locks.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import { REVOCATION_LIFE_MS } from "./lock-table.ts";
import { temporaryFolder } from "./testing.ts";
import { added, hostAt, lock, MINUTE_MS, table, turn, types } from "./testing-locks.ts";

describe("the end of a lock", () => {
  it("pauses tools and revokes workflows: the old credential stays dead", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const before = table(host).epoch;
    const tool = added(host, lock("tool", "notes_read"));
    const workflow = added(host, lock("workflow", "wf_1"));
    await workflow.recorded;
    expect(await host.locks.remove("acme", tool.lock.id, "operator")).toBe(true);
    expect(await host.locks.remove("acme", workflow.lock.id, "operator")).toBe(true);
    const now = table(host);
    expect(now.epoch).toBe(4);
    expect(lockRules(now, { tool: "notes_read" }, before)).toEqual([]);
    expect(lockRules(now, { workflow: "wf_1" }, before)).toEqual([`lock:${workflow.lock.id}`]);
    expect(lockRules(now, { workflow: "wf_1" }, now.epoch)).toEqual([]);
    expect(await host.locks.remove("acme", tool.lock.id, "operator")).toBe(false);
  });

  it("comes by itself, is recorded, and moves the epoch without anybody asking", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const expiresAt = host.clock.now() + MINUTE_MS;
    await added(host, lock("human", "h", { expiresAt })).recorded;
    await host.clock.pass(MINUTE_MS - 1);
    expect(table(host)).toMatchObject({ epoch: 1, locks: [{ target: "human" }] });
    const moves = host.reach.moves.length;
    await host.clock.pass(1);
    expect(host.reach.moves.length).toBe(moves + 1);
    expect(table(host)).toMatchObject({ epoch: 2, locks: [], revocations: [{ epoch: 2 }] });
    await turn();
    expect(types(host)).toEqual(["lock.added", "lock.drained", "lock.expired"]);
  });

  it("is decided when somebody looks, not when a timer runs", () => {
    using folder = temporaryFolder();
    const clock = new FakeClock();
    using host = hostAt(folder.path, clock);
    added(host, lock("tool", "notes_read", { expiresAt: clock.now() }));
    expect(table(host)).toMatchObject({ epoch: 2, locks: [] });
  });

  it("is remembered as long as anybody could live that it revoked", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { lock: one, recorded } = added(host, lock("agent", "support-agent"));
    await recorded;
    await host.locks.remove("acme", one.id, "operator");
    await host.clock.pass(REVOCATION_LIFE_MS - 1);
    expect(table(host).revocations).toHaveLength(1);
    await host.clock.pass(1);
    expect(table(host).revocations).toEqual([]);
    expect(table(host).epoch).toBe(2);
  });

  it("does not end a lock that was added meanwhile (32)", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const first = added(host, lock("workflow", "wf_1"));
    await first.recorded;
    const removal = host.locks.remove("acme", first.lock.id, "operator");
    const kill = added(host, lock("workflow", "wf_1", { reason: "again" }));
    expect(await removal).toBe(true);
    await kill.recorded;
    const now = table(host);
    expect(now.epoch).toBe(3);
    expect(lockRules(now, { workflow: "wf_1" })).toEqual([`lock:${kill.lock.id}`]);
    expect(lockRules(now, { workflow: "wf_1" }, 0)).toHaveLength(2);
    // Asked twice at once, it is removed once.
    const both = [1, 2].map(() => host.locks.remove("acme", kill.lock.id, "operator"));
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(table(host).epoch).toBe(4);
  });

  it("does not happen while it cannot be recorded: the lock holds", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { lock: one, recorded } = added(host, lock("tool", "notes_read"));
    await recorded;
    host.disk.fill(true);
    await expect(host.locks.remove("acme", one.id, "operator")).rejects.toThrow(AuditUnavailable);
    expect(table(host)).toMatchObject({ epoch: 1, locks: [{ id: one.id }] });
    // Room for a lock is no room for its removal.
    expect(host.disk.released).toBe(0);
    host.disk.free();
    expect(await host.locks.remove("acme", one.id, "operator")).toBe(true);
  });
});
