import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { lockRules } from "../../core/session/locks.ts";
import type { ReceivedEvent } from "../../surfaces/rest/security-events.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import { Debts } from "./debts.ts";
import type { LogLine } from "./gateway.ts";
import { MAX_LOCKS, NodeLocks } from "./locks.ts";
import { securityEvents } from "./security-events.ts";
import { hostOn, temporaryFolder } from "./testing.ts";

const HOUR_MS = 3_600_000;
const DANA = "d".repeat(64);

function receiver(path: string, clock = new FakeClock()) {
  const host = hostOn(path, { now: () => clock.now() });
  const { folder, streams, journal, directory } = host;
  const locks = new NodeLocks(["acme"], {
    ...{ streams, journal, clock, debts: new Debts({ streams, journal, clock }) },
    newId: () => `lck_${randomUUID()}`,
    observe: () => undefined,
  });
  const log: LogLine[] = [];
  const parts = { tenant: "acme", lockMs: HOUR_MS, locks, directory };
  return {
    ...{ clock, locks, log, directory },
    receive: securityEvents({ ...parts, now: () => clock.now(), log: (line) => log.push(line) }),
    /** Makes every insert into this table fail, as a full disk does. */
    fill: (table: "event" | "spent") =>
      folder.db.exec(
        `CREATE TEMP TRIGGER full BEFORE INSERT ON main.${table} BEGIN SELECT RAISE(ABORT, 'full'); END`,
      ),
    free: () => folder.db.exec("DROP TRIGGER full"),
    [Symbol.dispose]() {
      locks[Symbol.dispose]();
      host[Symbol.dispose]();
    },
  };
}

function event(id: string, over: Partial<ReceivedEvent> = {}): ReceivedEvent {
  const revokes = { type: "session-revoked", human: DANA } as const;
  return { id, forgetAt: new FakeClock().now() + 24 * HOUR_MS, revokes, ...over };
}

describe("a security event that revokes", () => {
  it("locks the human for an hour, in words of our own, and is recorded", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    expect(await host.receive(event("e1"))).toBe(true);
    expect(host.locks.list("acme")).toMatchObject([
      {
        target: "human",
        value: DANA,
        reason: "the identity provider ended this person's sessions",
        by: "caep:session-revoked",
        expiresAt: host.clock.now() + HOUR_MS,
        durable: true,
      },
    ]);
    expect(host.log).toEqual([
      { event: "security_event.received", tenant: "acme", type: "session-revoked" },
    ]);
  });

  it("lets a later sign-in in after the hour, and nothing from before it ever again", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    const before = host.locks.now("acme")!.epoch;
    await host.receive(event("e1"));
    const rules = (since: number) => lockRules(host.locks.now("acme")!, { human: DANA }, since);
    expect(rules(host.locks.now("acme")!.epoch)).toHaveLength(1);
    await host.clock.pass(HOUR_MS);
    expect(host.locks.list("acme")).toEqual([]);
    expect(rules(host.locks.now("acme")!.epoch)).toEqual([]);
    expect(rules(before)).toHaveLength(1);
  });

  it("says what changed: a credential has another reason than a session", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    await host.receive(event("e1", { revokes: { type: "credential-change", human: DANA } }));
    expect(host.locks.list("acme")).toMatchObject([
      {
        by: "caep:credential-change",
        reason: "a credential of this person changed at the identity provider",
      },
    ]);
  });

  it("is received once, also over a restart and a removed lock", async () => {
    using folder = temporaryFolder();
    {
      using host = receiver(folder.path);
      await host.receive(event("e1"));
      const [lock] = host.locks.list("acme");
      await host.locks.remove("acme", String(lock?.id), "operator");
      expect(await host.receive(event("e1"))).toBe(true);
      expect(host.locks.list("acme")).toEqual([]);
    }
    using again = receiver(folder.path);
    expect(await again.receive(event("e1"))).toBe(true);
    expect(again.locks.list("acme")).toEqual([]);
    expect(await again.receive(event("e2"))).toBe(true);
    expect(again.locks.list("acme")).toHaveLength(1);
  });

  it("makes one lock when it comes many times at once", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    const answers = await Promise.all(Array.from({ length: 8 }, () => host.receive(event("e1"))));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(host.locks.list("acme")).toHaveLength(1);
  });

  it("is not acknowledged while no disk has its lock, which holds all the same", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    host.fill("event");
    expect(await host.receive(event("e1"))).toBe(false);
    expect(host.locks.list("acme")).toMatchObject([{ value: DANA, durable: false }]);
    await host.clock.pass(10_000);
    expect(await host.receive(event("e1"))).toBe(false);
    expect(host.locks.list("acme")).toHaveLength(1);
    host.free();
    expect(await host.receive(event("e1"))).toBe(true);
    expect(host.locks.list("acme")).toMatchObject([{ value: DANA, durable: true }]);
  });

  it("is not acknowledged while its receipt is not recorded; again, it is the same lock", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    host.fill("spent");
    expect(await host.receive(event("e1"))).toBe(false);
    host.free();
    await host.clock.pass(10_000);
    expect(await host.receive(event("e1"))).toBe(true);
    expect(host.locks.list("acme")).toHaveLength(1);
  });

  it("is not acknowledged when there are too many locks already", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    for (let n = 0; n < MAX_LOCKS; n++) {
      host.locks.add("acme", { target: "tool", value: `t${n}`, reason: "x", by: "operator" });
    }
    expect(await host.receive(event("e1"))).toBe(false);
    expect(host.log).toMatchObject([{ event: "security_event.failed", code: "too_many_locks" }]);
  });
});

describe("a security event that revokes nothing", () => {
  it("is received, remembered, and locks nobody", async () => {
    using folder = temporaryFolder();
    using host = receiver(folder.path);
    expect(await host.receive(event("e1", { revokes: null }))).toBe(true);
    expect(host.locks.list("acme")).toEqual([]);
    expect(host.directory.isSpent("event", "acme", "e1")).toBe(true);
    expect(host.directory.isSpent("event", "globex", "e1")).toBe(false);
    expect(host.log).toEqual([{ event: "security_event.received", tenant: "acme", type: null }]);
  });
});
