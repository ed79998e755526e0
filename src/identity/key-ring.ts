import { CALL_TOKEN_SKEW_S, READ_TOKEN_LIFE_S } from "../core/model/claims.ts";
import type { KeyPurpose, KeyState } from "../core/model/signing-key.ts";
import { MAX_LIFE_MS } from "../core/session/limits.ts";
import { KEY_DOCUMENT_LIFE_MS } from "../sdk/key-cache.ts";
import { MAX_CREDENTIAL_LIFE_S } from "./credential.ts";

/** One key of a ring; one that is not there is gone, and never comes back. */
export interface RingKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly state: KeyState;
  readonly publishedAt: number;
  /** From then on it signs. */
  readonly activeAt: number;
  /** From then on its successor signs; null: it does itself, or will. */
  readonly retiredAt: number | null;
}

/** Oldest first. At most one is active, and at most one, the last, is next. */
export type Ring = readonly RingKey[];

export interface KeyTimes {
  /** Published so long before it signs: whoever keeps an older document meanwhile meets it in time. */
  readonly leadMs: number;
  /** What it signed last is good so long after it was retired. */
  readonly useMs: number;
  /** And may be shown so long to get something new in its place. */
  readonly keepMs: number;
}

const CREDENTIAL_MS = MAX_CREDENTIAL_LIFE_S * 1_000;
const CALL_MS = (READ_TOKEN_LIFE_S + CALL_TOKEN_SKEW_S) * 1_000;

export const KEY_TIMES: { readonly [purpose in KeyPurpose]: KeyTimes } = {
  // Nobody else verifies credentials, so nobody has to learn the key before it is used.
  credential: { leadMs: 0, useMs: CREDENTIAL_MS, keepMs: CREDENTIAL_MS + MAX_LIFE_MS },
  call: { leadMs: KEY_DOCUMENT_LIFE_MS, useMs: CALL_MS, keepMs: CALL_MS },
};

/** Keys of one ring that are retiring at the same time: each is one more that could be stolen. */
export const MAX_RETIRING = 8;

export type RingChange =
  | { readonly type: "published"; readonly kid: string; readonly activeAt: number }
  | { readonly type: "rotated"; readonly kid: string; readonly previous: string | null }
  | { readonly type: "retired"; readonly kid: string };

export interface Step {
  readonly ring: Ring;
  readonly changes: readonly RingChange[];
}

/** What time alone does. The very same ring where nothing is due. */
export function advance(ring: Ring, times: KeyTimes, now: number): Step {
  const changes: RingChange[] = [];
  let keys = ring;
  const next = ring.find(({ state }) => state === "next");
  if (next !== undefined && next.activeAt <= now) {
    const previous = ring.find(({ state }) => state === "active");
    // When it was meant to happen: whoever looked late did not sign with the old key meanwhile.
    keys = ring.map((key) => {
      if (key === next) return { ...key, state: "active" };
      return key === previous ? { ...key, state: "retiring", retiredAt: next.activeAt } : key;
    });
    changes.push({ type: "rotated", kid: next.kid, previous: previous?.kid ?? null });
  }
  const gone = keys.filter((key) => key.retiredAt !== null && key.retiredAt + times.keepMs <= now);
  if (gone.length > 0) keys = keys.filter((key) => !gone.includes(key));
  for (const { kid } of gone) changes.push({ type: "retired", kid });
  return { ring: keys, changes };
}

/** When `advance`, or what is usable, has to be looked at again; Infinity: never by time alone. */
export function nextChange(ring: Ring, times: KeyTimes, now: number): number {
  const moments = ring.flatMap(({ state, activeAt, retiredAt }) => {
    if (state === "next") return [activeAt];
    return retiredAt === null ? [] : [retiredAt + times.useMs, retiredAt + times.keepMs];
  });
  return Math.min(Infinity, ...moments.filter((at) => now < at));
}

export type Rotation =
  | { readonly ok: true; readonly step: Step }
  | { readonly ok: false; readonly code: "too_many_keys" };

/**
 * A rotation. One that is under way already is the one that was asked for, and needs no key; it may
 * be made to happen `atOnce`. So a request may be repeated, also after a crash.
 */
export function rotate(
  ring: Ring,
  times: KeyTimes,
  now: number,
  atOnce: boolean,
  make: () => string,
): Rotation {
  const current = advance(ring, times, now);
  const pending = current.ring.find(({ state }) => state === "next");
  const retiring = current.ring.filter(({ state }) => state === "retiring").length;
  // The cap is on rotations; where a lock took the key that signs, something must sign again.
  if (pending === undefined && signing(current.ring) !== null && retiring >= MAX_RETIRING) {
    return { ok: false, code: "too_many_keys" };
  }
  const activeAt = atOnce ? now : now + times.leadMs;
  const wanted: RingKey =
    pending === undefined
      ? { kid: make(), state: "next", publishedAt: now, activeAt, retiredAt: null }
      : { ...pending, activeAt: Math.min(pending.activeAt, activeAt) };
  if (wanted.activeAt === pending?.activeAt) return { ok: true, step: current };
  const others = current.ring.filter((key) => key !== pending);
  const step = advance([...others, wanted], times, now);
  const waits = pending === undefined && wanted.activeAt > now;
  return {
    ok: true,
    step: {
      ring: step.ring,
      changes: [
        ...current.changes,
        ...(waits ? [{ type: "published", kid: wanted.kid, activeAt } as const] : []),
        ...step.changes,
      ],
    },
  };
}

/** A lock: nothing under the key is believed any more, and a key that is ready takes its place. */
export function revoke(ring: Ring, times: KeyTimes, now: number, kid: string): Step {
  const locked = ring.find((key) => key.kid === kid);
  if (locked === undefined) return { ring, changes: [] };
  const others = ring
    .filter((key) => key !== locked)
    .map((key) =>
      locked.state === "active" && key.state === "next"
        ? { ...key, activeAt: Math.min(key.activeAt, now) }
        : key,
    );
  const step = advance(others, times, now);
  return { ring: step.ring, changes: [{ type: "retired", kid }, ...step.changes] };
}

export function signing(ring: Ring): RingKey | null {
  return ring.find(({ state }) => state === "active") ?? null;
}

/** Whose signature is believed: of something in use, or of what is only shown to be renewed. */
export function believed(
  ring: Ring,
  times: KeyTimes,
  now: number,
  use: "request" | "renewal",
): readonly RingKey[] {
  const lifeMs = use === "request" ? times.useMs : times.keepMs;
  return ring.filter(
    ({ state, retiredAt }) => state !== "next" && (retiredAt === null || now < retiredAt + lifeMs),
  );
}
