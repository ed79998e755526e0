import { randomUUID } from "node:crypto";
import type { LockTable } from "../../core/model/lock.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { type DataFolder, openDataFolder } from "./database.ts";
import { Debts } from "./debts.ts";
import { Journal, type Reserve } from "./journal.ts";
import { sha256 } from "./keys.ts";
import { type LockEvent, type LockRequest, NodeLocks, type Reach } from "./locks.ts";
import { TenantStreams } from "./tenant-stream.ts";

export const MINUTE_MS = 60_000;

/** Calls that are under way, as a test says. */
class FakeReach implements Reach {
  readonly cuts: string[] = [];
  readonly moves: string[] = [];
  readonly inFlight = new Set<string>();
  /** Calls whose end was lost with a commit. */
  readonly stranded = new Set<string>();

  cut(tenant: string, { target, value }: { target: string; value: string }): readonly string[] {
    this.cuts.push(`${tenant} ${target} ${value}`);
    return [...this.inFlight];
  }

  unended(_tenant: string, calls: ReadonlySet<string>): ReadonlySet<string> {
    return this.inFlight.intersection(calls);
  }

  settle(_tenant: string, calls: ReadonlySet<string>): void {
    for (const call of calls) if (this.stranded.has(call)) this.inFlight.delete(call);
  }

  moved(tenant: string): void {
    this.moves.push(tenant);
  }
}

/** Makes every commit fail, as a full disk does; `freed`: the reserve helps. */
class FullDisk implements Reserve {
  full = false;
  helps = false;
  released = 0;
  readonly #folder: DataFolder;

  constructor(folder: DataFolder) {
    this.#folder = folder;
  }

  fill(helps: boolean): void {
    this.helps = helps;
    this.#block();
  }

  free(): void {
    if (this.full) this.#folder.db.exec("DROP TRIGGER full");
    this.full = false;
  }

  release(): void {
    this.released++;
    if (this.helps) this.free();
  }

  restore(): void {
    if (this.helps) this.#block();
  }

  #block(): void {
    if (this.full) return;
    this.full = true;
    this.#folder.db.exec(
      "CREATE TEMP TRIGGER full BEFORE INSERT ON main.event BEGIN SELECT RAISE(ABORT, 'full'); END",
    );
  }
}

export interface Host extends Disposable {
  readonly folder: DataFolder;
  readonly disk: FullDisk;
  readonly journal: Journal;
  readonly streams: TenantStreams;
  readonly clock: FakeClock;
  readonly locks: NodeLocks;
  readonly reach: FakeReach;
  readonly log: LockEvent[];
}

export function hostAt(path: string, clock = new FakeClock(), shiftMs = 0): Host {
  const folder = openDataFolder(path);
  const disk = new FullDisk(folder);
  const journal = new Journal(folder.db, disk);
  const time = { now: () => clock.now() + shiftMs, elapsed: () => clock.elapsed() };
  const streams = new TenantStreams(folder.db, journal, sha256, time.now);
  const log: LockEvent[] = [];
  const watch: Clock = { ...time, after: (ms, run) => clock.after(ms, run) };
  const debts = new Debts({ streams, journal, clock: watch });
  const locks = new NodeLocks(["acme", "globex"], {
    ...{ streams, journal, debts, clock: watch },
    newId: () => `lck_${randomUUID().replaceAll("-", "")}`,
    observe: (event) => log.push(event),
  });
  const reach = new FakeReach();
  locks.begin(reach);
  return {
    ...{ folder, disk, journal, streams, clock, locks, reach, log },
    [Symbol.dispose]() {
      locks[Symbol.dispose]();
      debts[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

export const lock = (
  target: LockRequest["target"],
  value: string,
  more: object = {},
): LockRequest => ({
  ...{ target, value, reason: "test", by: "operator" },
  ...more,
});

export function added(host: Host, request: LockRequest, tenant = "acme") {
  const one = host.locks.add(tenant, request);
  if (!one.ok) throw new Error(one.code);
  return one;
}

export function table(host: Host, tenant = "acme"): LockTable {
  const now = host.locks.now(tenant);
  if (now === null) throw new Error("no table");
  return now;
}

export function types(host: Host, tenant = "acme"): string[] {
  return host.folder.db
    .prepare("SELECT type FROM event WHERE tenant = ? AND workflow = 'tenant' ORDER BY seq")
    .all(tenant)
    .map((row) => String(row["type"]));
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
