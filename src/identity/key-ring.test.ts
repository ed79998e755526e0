import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  advance,
  believed,
  KEY_TIMES,
  MAX_RETIRING,
  nextChange,
  revoke,
  type Ring,
  type RingChange,
  rotate,
  signing,
  type Step,
} from "./key-ring.ts";

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const { credential, call } = KEY_TIMES;

function rotated(ring: Ring, now: number, kid: string, times = call, atOnce = false): Step {
  const result = rotate(ring, times, now, atOnce, () => kid);
  if (!result.ok) throw new Error(result.code);
  return result.step;
}

const states = (ring: Ring): string[] => ring.map(({ kid, state }) => `${kid} ${state}`);
const kids = (ring: Ring): string[] => ring.map(({ kid }) => kid);

const first = rotated([], T0, "a", call, true).ring;
const pending = rotated(first, T0, "b").ring;

describe("the times of keys", () => {
  it("are these: a key document is kept for 10 minutes, a credential lives 15, a call token 60 s", () => {
    expect(call).toEqual({ leadMs: 10 * MINUTE, useMs: 62_000, keepMs: 62_000 });
    expect(credential).toEqual({ leadMs: 0, useMs: 15 * MINUTE, keepMs: 8 * HOUR + 15 * MINUTE });
  });
});

describe("a ring of keys", () => {
  it("begins with a key that signs at once", () => {
    expect(rotated([], T0, "a", call, true)).toEqual({
      ring: [{ kid: "a", state: "active", publishedAt: T0, activeAt: T0, retiredAt: null }],
      changes: [{ type: "rotated", kid: "a", previous: null }],
    });
  });

  it("publishes a key one cache life before it signs", () => {
    const step = rotated(first, T0, "b");
    expect(step.changes).toEqual([{ type: "published", kid: "b", activeAt: T0 + 10 * MINUTE }]);
    expect(states(step.ring)).toEqual(["a active", "b next"]);
    expect(advance(step.ring, call, T0 + 10 * MINUTE - 1)).toEqual({
      ring: step.ring,
      changes: [],
    });
    const later = advance(step.ring, call, T0 + 10 * MINUTE);
    expect(states(later.ring)).toEqual(["a retiring", "b active"]);
    expect(later.changes).toEqual([{ type: "rotated", kid: "b", previous: "a" }]);
  });

  it("believes the old key for the longest life of what it signed, and not a millisecond more", () => {
    const over = T0 + 10 * MINUTE;
    const { ring } = advance(pending, call, over);
    const who = (now: number): string[] => kids([...believed(ring, call, now, "request")]);
    expect(who(over + 61_999)).toEqual(["a", "b"]);
    expect(who(over + 62_000)).toEqual(["b"]);
    expect(advance(ring, call, over + 61_999).changes).toEqual([]);
    expect(advance(ring, call, over + 62_000)).toMatchObject({
      ring: [{ kid: "b" }],
      changes: [{ type: "retired", kid: "a" }],
    });
  });

  it("counts from when the key was to sign, however late somebody looks", () => {
    const late = advance(pending, call, T0 + HOUR);
    expect(states(late.ring)).toEqual(["b active"]);
    expect(late.changes).toEqual([
      { type: "rotated", kid: "b", previous: "a" },
      { type: "retired", kid: "a" },
    ]);
  });

  it("never believes a key that is next", () => {
    for (const use of ["request", "renewal"] as const) {
      expect(kids([...believed(pending, call, T0, use)])).toEqual(["a"]);
    }
  });

  it("lets a retired credential key renew what expired under it, for as long as anything may", () => {
    const one = rotated([], T0, "a", credential, true).ring;
    const { ring, changes } = rotated(one, T0 + HOUR, "b", credential);
    expect(changes).toEqual([{ type: "rotated", kid: "b", previous: "a" }]);
    const who = (ms: number, use: "request" | "renewal"): string[] =>
      kids([...believed(ring, credential, T0 + HOUR + ms, use)]);
    expect(who(15 * MINUTE - 1, "request")).toEqual(["a", "b"]);
    expect(who(15 * MINUTE, "request")).toEqual(["b"]);
    expect(who(8 * HOUR + 15 * MINUTE - 1, "renewal")).toEqual(["a", "b"]);
    expect(who(8 * HOUR + 15 * MINUTE, "renewal")).toEqual(["b"]);
  });

  it("takes a second request for the rotation that is under way, which can be made to happen now", () => {
    expect(rotated(pending, T0 + 1, "c")).toEqual({ ring: pending, changes: [] });
    const now = rotated(pending, T0 + 1, "c", call, true);
    expect(states(now.ring)).toEqual(["a retiring", "b active"]);
    expect(now.changes).toEqual([{ type: "rotated", kid: "b", previous: "a" }]);
  });

  it("has only so many keys that retire", () => {
    let ring = first;
    for (let n = 0; n < MAX_RETIRING; n++) {
      ({ ring } = rotated(ring, T0 + n, `k${n}`, call, true));
    }
    const now = T0 + MAX_RETIRING;
    expect(rotate(ring, call, now, true, () => "x")).toEqual({ ok: false, code: "too_many_keys" });
    expect(rotate(ring, call, T0 + 62_000, true, () => "x").ok).toBe(true);
  });
});

describe("a locked key", () => {
  it("is gone at once, and the one that was ready signs", () => {
    const { ring, changes } = revoke(pending, call, T0 + 1, "a");
    expect(states(ring)).toEqual(["b active"]);
    expect(changes).toEqual([
      { type: "retired", kid: "a" },
      { type: "rotated", kid: "b", previous: null },
    ]);
  });

  it("leaves nothing that signs where none was ready", () => {
    const { ring } = revoke(first, call, T0 + 1, "a");
    expect([ring, signing(ring)]).toEqual([[], null]);
  });

  it("that signs, while as many as may be retire, leaves room for one that signs", () => {
    let ring = first;
    for (let made = 0; made < MAX_RETIRING; made++) {
      ring = rotated(ring, T0, `k${made}`, call, true).ring;
    }
    const full = rotate(ring, call, T0, true, () => "one too many");
    expect(full).toEqual({ ok: false, code: "too_many_keys" });
    const last = signing(ring)?.kid ?? "";
    const locked = revoke(ring, call, T0 + 1, last).ring;
    expect(signing(rotated(locked, T0 + 1, "new", call, true).ring)?.kid).toBe("new");
  });

  it("that is next, or retires, changes nothing about the one that signs", () => {
    expect(states(revoke(pending, call, T0 + 1, "b").ring)).toEqual(["a active"]);
    const over = rotated(pending, T0 + 1, "b", call, true).ring;
    expect(states(revoke(over, call, T0 + 2, "a").ring)).toEqual(["b active"]);
  });

  it("of somebody else changes nothing", () => {
    expect(revoke(pending, call, T0, "nobody")).toEqual({ ring: pending, changes: [] });
  });
});

describe("whatever happens to a ring, in whatever order", () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom("look", "rotate", "now", "revoke"),
      passMs: fc.integer({ min: -5 * MINUTE, max: 30 * MINUTE }),
      which: fc.nat(10),
    }),
    { maxLength: 40 },
  );

  it.each(["call", "credential"] as const)("of %s keys, its promises hold", (purpose) => {
    const times = KEY_TIMES[purpose];
    fc.assert(
      fc.property(steps, (story) => {
        let ring = rotated([], T0, "k0", times, true).ring;
        let now = T0;
        let made = 1;
        const gone = new Set<string>();
        for (const { what, passMs, which } of story) {
          now += passMs;
          const before = advance(ring, times, now);
          const changes: RingChange[] = [...before.changes];
          ring = before.ring;
          if (what === "rotate" || what === "now") {
            const result = rotate(ring, times, now, what === "now", () => `k${made++}`);
            if (result.ok) {
              ({ ring } = result.step);
              changes.push(...result.step.changes);
            }
          } else if (what === "revoke") {
            const step = revoke(ring, times, now, ring[which % ring.length]?.kid ?? "");
            ({ ring } = step);
            changes.push(...step.changes);
            if (signing(ring) === null) {
              ({ ring } = rotated(ring, now, `k${made++}`, times, true));
            }
          }
          for (const change of changes) if (change.type === "retired") gone.add(change.kid);
          // One key signs, one at most waits, and what is gone never comes back.
          expect(ring.filter(({ state }) => state === "active")).toHaveLength(1);
          expect(ring.filter(({ state }) => state === "next").length).toBeLessThan(2);
          expect(ring.filter(({ kid }) => gone.has(kid))).toEqual([]);
          expect(ring.length).toBeLessThanOrEqual(MAX_RETIRING + 2);
          // Whoever looks again when it is told to misses nothing.
          const until = nextChange(ring, times, now);
          expect(until).toBeGreaterThan(now);
          if (until !== Infinity)
            expect(advance(ring, times, until - 1)).toEqual({ ring, changes: [] });
        }
      }),
    );
  });
});
