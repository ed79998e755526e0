import type { LockTable } from "../src/core/model/lock.ts";
import { Lease } from "../src/hosts/cloudflare/lease.ts";
import type { Stub } from "../src/hosts/cloudflare/platform.ts";
import { Leases } from "../src/hosts/cloudflare/reach.ts";
import type { SessionObject } from "../src/hosts/cloudflare/session.ts";
import { LEASE_MS, type Standing } from "../src/hosts/cloudflare/standing.ts";
import { Random } from "../test/simulation/random.ts";
import { Agenda } from "./agenda.ts";

/**
 * How long a lock takes until no session acts any more on what it was told before: Postern's own code for both ends
 * of a lease, and a model of everything between them. `npm run bench:lock -- [--json]`. Exits 1 if a session
 * could still admit something under the old table once the lock was acknowledged.
 */

/** One object takes so many requests a second (Cloudflare's documentation says 500 to 1,000). */
const PER_SECOND = 1_000;
/** One way between two objects: at least so much, and a tail with such a mean on top. */
const NEAR_MS = 5;
const TAIL_MS = 15;
/** A message that leaves costs its sender processor time, too. */
const SEND_MS = 0.02;
const BUNDLE = "0".repeat(64);

interface Outcome {
  readonly sessions: number;
  readonly unreachable: number;
  /** Until half of the holders, and 99 of a hundred, acted no more on the old table, and it was acknowledged. */
  readonly half: number;
  readonly most: number;
  readonly inForce: number;
  /** Sessions that could still have admitted something afterwards: never any. */
  readonly late: number;
}

async function fanOut(sessions: number, unreachable: number): Promise<Outcome> {
  const agenda = new Agenda();
  const random = new Random(sessions + unreachable);
  const way = (): number => NEAR_MS - Math.log(1 - random.next()) * TAIL_MS;
  const before: LockTable = { epoch: 1, locks: [], revocations: [] };
  const after: LockTable = {
    ...before,
    epoch: 2,
    locks: [{ id: "lck_1", target: "tool", value: "invoices_refund" }],
  };
  let now = before;
  /** The tenant's object does one thing after another. */
  let free = 0;
  const turn = (ms: number): number => {
    free = Math.max(free, agenda.elapsed()) + ms;
    return free - agenda.elapsed();
  };
  const heard: number[] = [];
  const holders = Array.from({ length: sessions }, (_, at) => ({
    lease: new Lease(agenda),
    reachable: at >= unreachable,
  }));
  const standing = (): Standing => ({
    ...{ digest: BUNDLE, locks: now, connectors: [], keys: new Uint8Array() },
  });
  const keys = { call: null, callTokens: [], credentials: [] };

  const leases = new Leases({
    tenant: "acme",
    end: { cut: () => undefined, expel: () => undefined, beatNow: () => undefined },
    keys: { revoke: () => undefined },
    clock: agenda,
    // Told of a lock, a session asks its tenant anew, and has heard when it was answered.
    stub: (workflow) => ({ renew: () => renew(Number(workflow)) }) as Stub<SessionObject>,
  });

  /** The question and its answer, as `SessionHost.renew` does it. */
  async function ask(at: number): Promise<void> {
    const { lease } = holders[at]!;
    const asked = agenda.elapsed();
    await agenda.wait(way());
    await agenda.wait(turn(1_000 / PER_SECOND));
    leases.grant(String(at));
    const told = standing();
    await agenda.wait(way());
    lease.take(asked, told, null, keys);
  }

  async function renew(at: number): Promise<void> {
    if (!holders[at]!.reachable) return new Promise(() => undefined);
    await agenda.wait(turn(SEND_MS) + way());
    await ask(at);
    await agenda.wait(way());
    heard.push(agenda.elapsed());
  }

  // The object has run for a while, and everybody got a lease just now: the worst moment for a lock.
  await agenda.run(agenda.wait(LEASE_MS));
  for (const [at, { lease }] of holders.entries()) {
    leases.grant(String(at));
    lease.take(agenda.elapsed(), standing(), null, keys);
  }
  const began = agenda.elapsed();
  now = after;
  leases.moved("acme");
  await agenda.run(leases.reached);
  const inForce = agenda.elapsed() - began;
  const late = holders.filter(({ lease }) => lease.locks?.epoch === before.epoch).length;
  // Whoever has not heard by then has stopped by itself.
  const stopped = holders.map((_, at) => (heard[at] ?? LEASE_MS + began) - began);
  stopped.sort((a, b) => a - b);
  const share = (part: number): number => stopped[Math.ceil(stopped.length * part) - 1]!;
  return { sessions, unreachable, half: share(0.5), most: share(0.99), inForce, late };
}

const outcomes: Outcome[] = [];
for (const sessions of [10, 1_000, 100_000]) {
  for (const unreachable of [0, 1]) outcomes.push(await fanOut(sessions, unreachable));
}
if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(outcomes)}\n`);
else {
  const cell = (text: string | number): string => String(text).padStart(12);
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const line = (cells: readonly (string | number)[]): string => cells.map(cell).join("");
  const lines = [
    line(["sessions", "unreachable", "half", "99 of 100", "in force", "late"]),
    ...outcomes.map(({ sessions, unreachable, half, most, inForce, late }) =>
      line([sessions, unreachable, ms(half), ms(most), ms(inForce), late]),
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
process.exitCode = outcomes.some(({ late }) => late > 0) ? 1 : 0;
