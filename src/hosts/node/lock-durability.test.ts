import { describe, expect, it } from "vitest";
import type { LockTable } from "../../core/model/lock.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import { temporaryFolder } from "./testing.ts";
import { added, hostAt, lock, MINUTE_MS, table, types } from "./testing-locks.ts";

describe("after a restart", () => {
  it("locks, revocations and the epoch are what they were", async () => {
    using folder = temporaryFolder();
    let before: LockTable;
    {
      using host = hostAt(folder.path);
      const gone = added(host, lock("key", "k"));
      const expiresAt = host.clock.now() + MINUTE_MS;
      added(host, lock("agent", "a", { expiresAt }));
      await added(host, lock("tool", "notes_read")).recorded;
      await host.locks.remove("acme", gone.lock.id, "operator");
      await host.clock.pass(2 * MINUTE_MS);
      before = table(host);
      host.journal.close();
    }
    using host = hostAt(folder.path);
    expect(table(host)).toEqual(before);
    expect(before).toMatchObject({ epoch: 5, locks: [{ target: "tool" }] });
    expect(host.locks.list("acme")).toMatchObject([{ durable: true, reason: "test" }]);
  });

  it("a clock that jumped back revives nothing, and no epoch comes twice", async () => {
    using folder = temporaryFolder();
    const clock = new FakeClock();
    {
      using host = hostAt(folder.path, clock);
      await added(host, lock("agent", "a", { expiresAt: clock.now() + MINUTE_MS })).recorded;
      await clock.pass(MINUTE_MS);
      expect(table(host)).toMatchObject({ epoch: 2, locks: [] });
      host.journal.flush();
    }
    using host = hostAt(folder.path, clock, -5 * MINUTE_MS);
    expect(table(host)).toMatchObject({ epoch: 2, locks: [], revocations: [{ epoch: 2 }] });
  });

  it("nothing is admitted for a tenant whose stream cannot be read; the others go on", async () => {
    using folder = temporaryFolder();
    {
      using host = hostAt(folder.path);
      await added(host, lock("tool", "notes_read")).recorded;
      host.folder.db.exec(
        "DROP TRIGGER event_no_update; UPDATE event SET bytes = replace(bytes, 'notes', 'votes')",
      );
    }
    using host = hostAt(folder.path);
    expect(host.locks.now("acme")).toBe(null);
    expect(host.locks.list("acme")).toEqual([]);
    expect(host.locks.add("acme", lock("tool", "x"))).toMatchObject({ code: "locks_unavailable" });
    expect(host.log).toEqual([{ type: "unreadable", tenant: "acme", lock: null }]);
    expect(await added(host, lock("tool", "x"), "globex").recorded).toMatchObject({
      durable: true,
    });
  });
});

describe("a full disk", () => {
  it("does not keep a kill from being durable: the reserve is for that", async () => {
    using folder = temporaryFolder();
    {
      using host = hostAt(folder.path);
      host.disk.fill(true);
      const call = host.streams.append("acme", {
        ...{ type: "exchange.refused", agent: "a", code: "locked" },
        ...{ ruleIds: [], policyVersion: "" },
      });
      const { recorded } = added(host, lock("tenant", "acme"));
      await expect(call).rejects.toThrow(AuditUnavailable);
      expect(await recorded).toMatchObject({ durable: true });
      expect(host.disk).toMatchObject({ released: 1, full: true });
      expect(types(host)).toEqual(["lock.added", "lock.drained"]);
    }
    using host = hostAt(folder.path);
    expect(table(host)).toMatchObject({ epoch: 1, locks: [{ target: "tenant" }] });
  });

  it("without a reserve that helps: in force all the same, said, and recorded as soon as it can be", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    host.disk.fill(false);
    const { lock: one, recorded } = added(host, lock("agent", "a"));
    expect(await recorded).toMatchObject({ durable: false });
    expect(table(host)).toMatchObject({ epoch: 1, locks: [{ id: one.id }] });
    expect(host.log).toContainEqual({ type: "volatile", tenant: "acme", lock: one.id });
    await expect(host.locks.remove("acme", one.id, "operator")).rejects.toThrow(AuditUnavailable);
    await host.clock.pass(MINUTE_MS);
    expect(host.locks.list("acme")).toMatchObject([{ durable: false }]);
    host.disk.free();
    await host.clock.pass(10_000);
    expect(host.locks.list("acme")).toMatchObject([{ durable: true }]);
    expect(types(host)).toEqual(["lock.added", "lock.drained"]);
  });

  it("lets nothing become durable before the lock that it was decided under", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    host.disk.fill(false);
    await added(host, lock("agent", "a")).recorded;
    host.disk.free();
    // The next commit of anybody carries it; the retry has not come yet.
    await host.streams.append("globex", {
      ...{ type: "exchange.refused", agent: "a", code: "locked" },
      ...{ ruleIds: [], policyVersion: "" },
    });
    expect(types(host)).toEqual(["lock.added", "lock.drained"]);
    expect(types(host, "globex")).toEqual(["exchange.refused"]);
  });
});
