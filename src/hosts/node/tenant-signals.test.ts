import { afterEach, describe, expect, it } from "vitest";
import type { ContainmentRule } from "../../core/model/bundle.ts";
import { bundleOf } from "../../core/testing.ts";
import { containing } from "./containment.ts";
import { Debts } from "./debts.ts";
import type { LogLine } from "./gateway.ts";
import { NodeLocks } from "./locks.ts";
import { NodeTenantSignals } from "./tenant-signals.ts";
import { hostOn, temporaryFolder } from "./testing.ts";

const START = Date.UTC(2026, 10, 22);
const CLASH: ContainmentRule = {
  id: "clash",
  signal: "connector_clash",
  count: 2,
  withinMs: 60_000,
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  then: "lock_subject",
};
const CONNECTOR = { target: "connector", value: "con_1" } as const;
const ONE = { signal: "connector_clash", subject: CONNECTOR } as const;

describe("signals of a tenant", () => {
  let closing = new DisposableStack();
  afterEach(() => {
    closing.dispose();
    closing = new DisposableStack();
  });

  function startedOn(path: string, hasBundle = true) {
    const time = { now: START };
    const now = (): number => time.now;
    const host = hostOn(path, { now });
    const log: LogLine[] = [];
    const clock = { now, elapsed: now, after: () => () => undefined };
    const { streams, journal } = host;
    const debts = new Debts({ streams, journal, clock });
    let ids = 0;
    const locks = new NodeLocks(["acme", "globex"], {
      ...{ streams, journal, debts, clock },
      newId: () => `lck_${++ids}`,
      observe: () => undefined,
    });
    const view = bundleOf(undefined, undefined, "digest", { containment: [CLASH] });
    const signals = new NodeTenantSignals({
      ...{ streams, now, bundle: () => (hasBundle ? view : null) },
      signalled: containing(locks, (line) => log.push(line)),
    });
    const recorded = (tenant: string) => [...host.streams.read(tenant)];
    const stop = (): void => {
      locks[Symbol.dispose]();
      debts[Symbol.dispose]();
      host[Symbol.dispose]();
    };
    return { time, host, locks, signals, log, recorded, stop };
  }
  function started(hasBundle = true) {
    const one = startedOn(closing.use(temporaryFolder()).path, hasBundle);
    closing.defer(one.stop);
    return one;
  }

  it("are recorded with what follows, which is in force in the same turn", async () => {
    const { signals, locks, recorded, log } = started();
    await signals.raise("acme", ONE);
    expect(locks.now("acme")?.locks).toEqual([]);
    const second = signals.raise("acme", ONE);
    expect(locks.now("acme")?.locks).toMatchObject([CONNECTOR]);
    expect(locks.now("globex")?.locks).toEqual([]);
    await second;
    const containment = { ruleId: "containment:clash", lock: CONNECTOR };
    const raised = { type: "signal.raised", ...ONE, policyVersion: "digest" };
    expect(recorded("acme")).toMatchObject([
      { ...raised, containment: null },
      { ...raised, containment },
      { type: "lock.added", ...CONNECTOR, by: "containment:clash" },
    ]);
    const line = { event: "signal", tenant: "acme", workflow: null, signal: "connector_clash" };
    expect(log).toEqual([
      { ...line, rule: null },
      { ...line, rule: "containment:clash" },
    ]);
  });

  it("count over a restart, and about each thing by itself", async () => {
    const { path } = closing.use(temporaryFolder());
    const first = startedOn(path);
    await first.signals.raise("acme", ONE);
    await first.signals.raise("globex", ONE);
    first.stop();
    const { signals, locks, time, stop } = startedOn(path);
    closing.defer(stop);
    await signals.raise("acme", { ...ONE, subject: { target: "connector", value: "con_2" } });
    expect(locks.now("acme")?.locks).toEqual([]);
    await signals.raise("acme", ONE);
    expect(locks.now("acme")?.locks).toMatchObject([CONNECTOR]);
    time.now += 60_001;
    await signals.raise("globex", ONE);
    expect(locks.now("globex")?.locks).toEqual([]);
  });

  it("are recorded before there is a bundle, and nothing follows", async () => {
    const { signals, locks, recorded } = started(false);
    for (let n = 0; n < 3; n++) await signals.raise("acme", ONE);
    expect(locks.now("acme")?.locks).toEqual([]);
    expect(recorded("acme")).toMatchObject([{ policyVersion: "" }, {}, {}]);
  });

  it("lock also where they cannot be recorded", async () => {
    const { signals, locks, host } = started();
    await signals.raise("acme", ONE);
    // The next commit of this host fails, and with it the signal's event.
    host.folder.db.exec("PRAGMA query_only = ON");
    await signals.raise("acme", ONE);
    expect(locks.now("acme")?.locks).toMatchObject([CONNECTOR]);
  });

  it("of a tenant whose record does not read lock nothing more: nothing of it is admitted", async () => {
    const { path } = closing.use(temporaryFolder());
    const first = startedOn(path);
    await first.signals.raise("acme", ONE);
    first.host.folder.db.exec(
      "DROP TRIGGER event_no_update; UPDATE event SET hash = 'broken' WHERE tenant = 'acme'",
    );
    first.stop();
    const { signals, locks, stop } = startedOn(path);
    closing.defer(stop);
    await signals.raise("acme", ONE);
    expect(locks.now("acme")).toBe(null);
  });
});
