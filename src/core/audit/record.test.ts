import { describe, expect, it } from "vitest";
import { canonical } from "../model/json.ts";
import { EVENT_TYPES } from "../model/event.ts";
import { sha256 } from "../testing.ts";
import { everyEvent } from "../testing-story.ts";
import { type ChainedEvent, genesis, link, verifyChain } from "./chain.ts";
import { parseEvent } from "./parse-event.ts";
import { restore } from "./restore.ts";

const rewritten = (
  events: readonly ChainedEvent[],
  seq: number,
  change: object,
): ChainedEvent[] => {
  const { bytes } = events[seq]!;
  return forged(
    events.map((event) =>
      event.seq === seq
        ? { ...event, bytes: canonical({ ...(JSON.parse(bytes) as object), ...change }) }
        : event,
    ),
  );
};

/** What someone would do who can write the file: every hash made anew. */
function forged(events: readonly ChainedEvent[]): ChainedEvent[] {
  let previous = genesis(sha256, "acme", "wf_1");
  return events.map((event) => {
    previous = link(sha256, previous, event.bytes);
    return { ...event, hash: previous };
  });
}

describe("the chain", () => {
  const { stored } = everyEvent();

  it("begins with format, tenant and workflow", () => {
    // Computed by hand: printf '{"format":"postern-record/1",…}' | sha256sum
    expect(genesis(sha256, "acme", "wf_1")).toBe(
      sha256('{"format":"postern-record/1","tenant":"acme","workflow":"wf_1"}'),
    );
    expect(stored[0]!.hash).toBe(sha256(genesis(sha256, "acme", "wf_1") + stored[0]!.bytes));
    expect(stored[1]!.hash).toBe(sha256(stored[0]!.hash + stored[1]!.bytes));
  });

  it("verifies, also when it is empty", () => {
    expect(verifyChain(sha256, "acme", "wf_1", stored)).toBeNull();
    expect(verifyChain(sha256, "acme", "wf_1", [])).toBeNull();
  });

  it("is nobody else's", () => {
    expect(verifyChain(sha256, "acme2", "wf_1", stored)).toEqual({ fault: "hash", seq: 0 });
    expect(verifyChain(sha256, "acme", "wf_2", stored)).toEqual({ fault: "hash", seq: 0 });
  });

  it("names the first record whose bytes changed by one bit, wherever", () => {
    for (const { seq, bytes } of stored) {
      for (let at = 0; at < bytes.length; at += 7) {
        const flipped =
          bytes.slice(0, at) + String.fromCharCode(bytes.charCodeAt(at) ^ 1) + bytes.slice(at + 1);
        const events = stored.map((event) =>
          event.seq === seq ? { ...event, bytes: flipped } : event,
        );
        expect(verifyChain(sha256, "acme", "wf_1", events)).toEqual({ fault: "hash", seq });
      }
    }
  });

  it("names a changed hash, a gap, a swap, a repetition", () => {
    const hash = stored.map((event) => (event.seq === 2 ? { ...event, hash: sha256("x") } : event));
    expect(verifyChain(sha256, "acme", "wf_1", hash)).toEqual({ fault: "hash", seq: 2 });
    expect(verifyChain(sha256, "acme", "wf_1", stored.toSpliced(3, 1))).toEqual({
      fault: "gap",
      seq: 3,
    });
    const swapped = stored.toSpliced(3, 2, stored[4]!, stored[3]!);
    expect(verifyChain(sha256, "acme", "wf_1", swapped)).toEqual({ fault: "gap", seq: 3 });
    const twice = stored.toSpliced(3, 0, stored[2]!);
    expect(verifyChain(sha256, "acme", "wf_1", twice)).toEqual({ fault: "gap", seq: 3 });
  });
});

describe("stored events", () => {
  const world = everyEvent();

  it("cover the whole vocabulary in this test", () => {
    expect([...new Set(world.events.map((event) => event.type))].sort()).toEqual(
      [...EVENT_TYPES].sort(),
    );
  });

  it("read back as what was written", () => {
    for (const [seq, { bytes }] of world.stored.entries()) {
      expect(parseEvent(bytes, seq, "wf_1")).toEqual({ ok: true, event: world.events[seq] });
    }
  });

  it.each(["", "[]", "null", '"x"', "{", '{"type":"workflow.closed","type":"workflow.closed"}'])(
    "that are %j are no events",
    (bytes) => {
      expect(parseEvent(bytes, 0, "wf_1")).toEqual({ ok: false, fault: "not_json" });
    },
  );

  it.each(["workflow.paused", "constructor", "__proto__", "", 1, null])(
    "of type %j are unknown",
    (type) => {
      const bytes = JSON.stringify({ ...world.events[0], type });
      expect(parseEvent(bytes, 0, "wf_1")).toEqual({ ok: false, fault: "unknown_type" });
    },
  );

  it("in another place or workflow are misplaced", () => {
    const { bytes } = world.stored[1]!;
    expect(parseEvent(bytes, 2, "wf_1")).toEqual({ ok: false, fault: "misplaced" });
    expect(parseEvent(bytes, 1, "wf_2")).toEqual({ ok: false, fault: "misplaced" });
  });

  it("lack no member, have none too many and none of another type", () => {
    for (const [seq, event] of world.events.entries()) {
      const { type: _type, ...members } = event;
      for (const field of Object.keys(members)) {
        const without: { [field: string]: unknown } = { ...event };
        delete without[field];
        const fault = { ok: false, fault: "bad_field", field };
        expect(parseEvent(canonical(without), seq, "wf_1")).toEqual(fault);
        for (const wrong of [{ x: 1 }, [[]], 1.5, -1, true]) {
          const other = canonical({ ...event, [field]: wrong });
          const flag = typeof { ...event }[field as "type"] === "boolean";
          if (flag && wrong === true) continue;
          expect(parseEvent(other, seq, "wf_1")).toEqual(fault);
        }
      }
      expect(parseEvent(canonical({ ...event, extra: 1 }), seq, "wf_1")).toEqual({
        ok: false,
        fault: "bad_field",
        field: null,
      });
    }
  });

  it.each([
    [2, { action: "delete" }, "action"],
    [2, { plan: { x: { allow: "yes", ruleIds: [] } } }, "plan"],
    [2, { plan: { x: { allow: true, ruleIds: [], more: 1 } } }, "plan"],
    [2, { rules: { egress: [] } }, "rules"],
    [3, { code: "made_up" }, "code"],
    [3, { outcome: "fine" }, "outcome"],
    [3, { calls: 2 }, "calls"],
    [3, { redactions: [{ path: "/a", dataClass: "b" }] }, "redactions"],
    [0, { limits: { calls: 1, cost: 1 } }, "limits"],
    [0, { limits: { calls: 1, cost: 1, runtimeMs: 2 ** 53 } }, "limits"],
  ])("number %i with %j is refused", (seq, change, field) => {
    const bytes = canonical({ ...world.events[seq], ...change });
    expect(parseEvent(bytes, seq, "wf_1")).toEqual({ ok: false, fault: "bad_field", field });
  });
});

describe("restoring", () => {
  it("folds the stored bytes to the state and head that the session had", () => {
    const world = everyEvent();
    expect(restore(sha256, "acme", "wf_1", world.stored)).toEqual({
      ok: true,
      state: world.state,
      head: world.head,
    });
  });

  it("gives no state for a broken chain", () => {
    const { stored } = everyEvent();
    expect(restore(sha256, "acme", "wf_1", stored.toSpliced(2, 1))).toEqual({
      ok: false,
      fault: { seq: 2, fault: "gap" },
    });
  });

  it("gives no state for an event it does not know, though every hash is right", () => {
    const { stored } = everyEvent();
    expect(
      restore(sha256, "acme", "wf_1", rewritten(stored, 4, { type: "call.forgotten" })),
    ).toEqual({
      ok: false,
      fault: { seq: 4, fault: "unknown_type" },
    });
    expect(restore(sha256, "acme", "wf_1", rewritten(stored, 4, { cost: "free" }))).toEqual({
      ok: false,
      fault: { seq: 4, fault: "bad_field", field: "cost" },
    });
  });
});
