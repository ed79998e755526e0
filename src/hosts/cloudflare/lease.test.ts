import { describe, expect, it } from "vitest";
import { FakeClock } from "../../tunnel/testing.ts";
import { Lease } from "./lease.ts";
import { LEASE_MS, type Standing } from "./standing.ts";

const KEYS = { call: null, callTokens: [], credentials: [] };
const CONNECTED = { connector: "con_1", session: "s1", network: "acme", tier: "internal" } as const;

function standing(epoch: number): Standing {
  return {
    digest: null,
    locks: { epoch, locks: [], revocations: [] },
    connectors: [CONNECTED],
    keys: new Uint8Array(),
  };
}

describe("a lease", () => {
  it("lasts five seconds from before it was asked for, to the millisecond", () => {
    const clock = new FakeClock();
    const lease = new Lease(clock);
    const asked = clock.elapsed();
    clock.stall(2_000);
    lease.take(asked, standing(1), null, KEYS);
    clock.stall(LEASE_MS - 2_001);
    expect([lease.holds, lease.locks?.epoch]).toEqual([true, 1]);
    expect(lease.choose("acme", "internal")).toEqual({ connector: "con_1", session: "s1" });
    clock.stall(1);
    expect([lease.holds, lease.locks, lease.keys]).toEqual([false, null, null]);
    expect([lease.choose("acme", "internal"), lease.session("con_1")]).toEqual([null, null]);
  });

  it("serves a destination only by a connector of its very network and tier", () => {
    const clock = new FakeClock();
    const lease = new Lease(clock);
    lease.take(clock.elapsed(), standing(1), null, KEYS);
    expect(lease.choose("acme", "confidential")).toBeNull();
    expect(lease.choose("corp", "internal")).toBeNull();
  });

  it("is not put back by an answer that was overtaken", () => {
    const clock = new FakeClock();
    const lease = new Lease(clock);
    const first = clock.elapsed();
    clock.stall(100);
    lease.take(clock.elapsed(), standing(2), null, KEYS);
    lease.take(first, standing(1), null, KEYS);
    expect(lease.locks?.epoch).toBe(2);
  });

  it("that was dropped is not revived by what was asked for before", () => {
    const clock = new FakeClock();
    const lease = new Lease(clock);
    const asked = clock.elapsed();
    clock.stall(1);
    lease.drop();
    lease.take(asked, standing(1), null, KEYS);
    expect(lease.locks).toBeNull();
    lease.take(clock.elapsed(), standing(2), null, KEYS);
    expect(lease.locks?.epoch).toBe(2);
  });
});
