import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replay } from "../audit/replay.ts";
import { restore } from "../audit/restore.ts";
import { EVENT_TYPES } from "../model/event.ts";
import { canonical } from "../model/json.ts";
import type { LockTable } from "../model/lock.ts";
import {
  ALLOW,
  bundleOf,
  callCommand,
  DENY,
  EDGE,
  fitting,
  mac,
  openCommand,
  readTool,
  scripted,
  sha256,
  World,
} from "../testing.ts";
import { MAX_REFUSALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { history, seeds } from "./testing-histories.ts";
import { Promises } from "./testing-promises.ts";
import { authority, BUNDLES, engine } from "./testing-rules.ts";
import { run, type Taken } from "./testing-run.ts";

/**
 * Random histories against the promises: P2, P3, P4, P5, P6 after every step, P8 at the end.
 * fast-check prints seed and path of a failure, and the smallest history that still fails.
 */

/** P4, by the letter: a lock in force, or one that came after somebody in the line was let in. */
function held(
  locks: LockTable | null,
  promises: Promises,
  seat: string,
  more: { readonly [target: string]: string },
): boolean {
  if (locks === null) return true;
  return promises.line(seat).some(({ agent, jkt, lockEpoch }) => {
    const own: { readonly [target: string]: string } = {
      ...{ tenant: "acme", human: "human-pseudonym", workflow: "wf_1" },
      ...{ agent, key: jkt, ...more },
    };
    return (
      locks.locks.some(({ target, value }) => own[target] === value) ||
      locks.revocations.some((one) => lockEpoch < one.epoch && own[one.target] === one.value)
    );
  });
}

function decidedWell(promises: Promises, { world, decision, events, asked }: Taken): void {
  expect(decision.events.length).toBeLessThanOrEqual(1);
  const [event] = events;
  if (event?.type === "call.admitted") {
    const { mode, action, tool, destination, connector, policyVersion: bundle } = event;
    // P2: every class was asked, and none but an error-free, named allow counts.
    const answers = (to: string) =>
      asked.filter(([one]) => one.action === to).map(([, got]) => got);
    for (const each of ["connect", "spend"]) {
      expect(answers(each).length).toBeGreaterThan(0);
      expect(answers(each).every((answer) => answer === ALLOW)).toBe(true);
    }
    if (mode === "execute") {
      expect(answers(action)).toEqual([ALLOW]);
      expect(answers("disclose").some((answer) => answer === ALLOW)).toBe(true);
      expect(answers("disclose").every((answer) => answer.errors.length === 0)).toBe(true);
    }
    // P4: nothing under a lock.
    const { seat } = event;
    expect(held(world.locks, promises, seat, { tool, destination, connector, bundle })).toBe(false);
    expect(world.now).toBeLessThan(world.state.expiresAt);
  }
  if (event?.type === "call.resent") {
    const { tool, seat, destination, policyVersion: bundle } = promises.admission(event.call);
    const { connector } = event;
    expect(held(world.locks, promises, seat, { tool, destination, connector, bundle })).toBe(false);
  }
  if (event?.type === "call.settled") {
    const { tool, seat, destination, policyVersion: bundle } = promises.admission(event.call);
    const connector = promises.connectorOf(event.call);
    if (held(world.locks, promises, seat, { tool, destination, connector, bundle })) {
      expect(["policy_denied", "outcome_unknown", "failed"]).toContain(event.outcome);
    }
  }
}

function sound({ state }: World, promises: Promises): void {
  for (const [id, { used }] of promises.seats) {
    const { tools, ...sums } = used;
    expect(state.seats[id]!.used).toMatchObject(sums);
    expect(new Map(Object.entries(state.seats[id]!.used.tools))).toEqual(tools);
  }
  expect({
    seats: Object.keys(state.seats),
    labels: state.labels,
    claimed: Object.keys(state.writeDomains).sort(),
    inFlight: state.inFlight.map((one) => one.call),
    unknown: state.unknown.map((one) => one.call),
    readOnly: state.readOnly,
  }).toEqual({
    seats: [...promises.seats.keys()],
    labels: [...promises.labels].sort(),
    claimed: promises.claimed,
    inFlight: [...promises.open.keys()],
    unknown: [...promises.unknown.keys()],
    readOnly: promises.readOnly,
  });
}

describe("random histories", () => {
  it("keep every promise, and count what happened", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        const promises = new Promises();
        run(seed, trouble, steps, (world, taken) => {
          if (taken !== null) decidedWell(promises, taken);
          for (const event of taken?.events ?? []) promises.apply(event);
          sound(world, promises);
        });
      }),
      { numRuns: 300 },
    );
  });

  it("reach every kind of event: a suite that refuses everything would prove nothing", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        const settled = new Set<string>();
        for (const event of run(seed, trouble, steps, () => undefined).events) {
          seen.add(event.type);
          if (event.type === "call.settled") settled.add(event.call);
          if (event.type === "call.resent" && !settled.has(event.call)) seen.add("moved");
          if ("outcome" in event) seen.add(`${event.type} ${event.outcome} ${event.code}`);
          if (event.type === "call.admitted") {
            seen.add(`${event.mode} ${event.approval === null ? "by itself" : "with approval"}`);
            if (event.chain.length > 2) seen.add("two hops");
          }
          if (event.type === "approval.refused") seen.add(event.code);
          if (event.type === "approval.decided") seen.add(`${event.verdict} ${event.complete}`);
          if (event.type === "seat.granted" && event.call !== null) seen.add("exchanged");
        }
      }),
      // The same histories every time, so that this does not depend on luck.
      { numRuns: 400, seed: 8 },
    );
    const expected = [
      ...EVENT_TYPES,
      ...["execute by itself", "execute with approval", "preview by itself"],
      ...["two hops", "exchanged", "moved"],
      ...["approve true", "approve false", "reject false"],
      ...["digest_mismatch", "two_kinds", "kind_given", "self_approval", "not_permitted"],
      ...["approval_over", "approval_expired", "workflow_over"],
      "call.settled ok null",
      "call.settled partial_result null",
      "call.settled human_approval_required null",
      "call.settled policy_denied locked",
      "call.settled policy_denied approval_stale",
      "call.settled outcome_unknown interrupted",
      "call.settled failed not_dispatched",
      "call.reconciled failed not_dispatched",
      "call.reconciled failed rolled_back",
      "call.reconciled ok null",
      "call.refused human_approval_required null",
      "call.refused policy_denied approval_rejected",
      "call.refused policy_denied budget_exhausted",
      "call.refused policy_denied critical_domain_taken",
      "call.refused policy_denied effect_unknown",
      "call.refused policy_denied locked",
      "call.refused policy_denied policy_error",
      "call.refused policy_denied read_only",
      "call.refused failed policy_unavailable",
      "call.refused policy_denied workflow_closed",
    ];
    expect(expected.filter((one) => !seen.has(one))).toEqual([]);
  });

  it("are folded back to the same state from the stored bytes, and replay bit for bit", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        const world = run(seed, trouble, steps, () => undefined);
        const { state, head, stored: events, inputs } = world;
        expect(restore(sha256, "acme", "wf_1", events)).toEqual({ ok: true, state, head });
        const evaluator = scripted(engine(seed, trouble), authority);
        const report = replay({
          tenant: "acme",
          workflow: "wf_1",
          events,
          inputs,
          bundleOf: (digest) => {
            const view = BUNDLES.find((bundle) => bundle.digest === digest);
            return view === undefined ? null : { view, evaluator };
          },
          hash: sha256,
          mac,
        });
        expect(report).toEqual({ identical: true, events: events.length, head });
      }),
      { numRuns: 150 },
    );
  });

  it("are decided the same way twice, and deciding changes nothing", () => {
    fc.assert(
      fc.property(seeds, history, fc.nat(2), (seed, steps, n) => {
        const world = run(seed, true, steps, () => undefined);
        const command = [
          callCommand("one_more", { tool: "refund", shaped: fitting() }),
          callCommand("one_more"),
          openCommand(),
        ][n]!;
        const before = canonical(world.state);
        const first = canonical(world.decide(command));
        expect(canonical(world.decide(command))).toBe(first);
        expect(canonical(world.state)).toBe(before);
      }),
      { numRuns: 60 },
    );
  });
});
describe("the reservation", () => {
  it("admits exactly as many of many parallel calls as the budget holds, in any order of settling", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat(99), { maxLength: 120 }),
        (calls, order) => {
          const world = new World();
          const limits = { calls, cost: 1e9, runtimeMs: 1e9 };
          world.bundle = bundleOf([readTool()], [{ ...EDGE, limits }]);
          world.submit(openCommand());
          let admitted = 0;
          for (let n = 0; n < 100; n++) {
            if (world.submit(callCommand(`call_${n}`)).result.kind === "admitted") admitted++;
            const settled = order[n];
            if (settled === undefined) continue;
            world.submit({
              type: "settle",
              call: `call_${settled}`,
              settlement: { kind: "failed", code: "upstream_error", effect: "possible" },
              runtimeMs: 1,
            });
          }
          expect(admitted).toBe(calls);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("refusals", () => {
  it("are recorded at most so often in a window, however the calls are spread", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 1_500, maxLength: 1_500 }), (waits) => {
        const world = new World();
        world.submit(openCommand());
        world.script = () => DENY;
        for (const [n, wait] of waits.entries()) {
          world.now += wait;
          world.submit(callCommand(`call_${n}`));
        }
        const at = world.events
          .filter((event) => event.type === "call.refused")
          .map((event) => event.at);
        // Windows are fixed, so two may meet: never more than two windows' worth in any one.
        for (const [from, start] of at.entries()) {
          const within = at.slice(from).filter((time) => time - start < REFUSAL_WINDOW_MS).length;
          expect(within).toBeLessThanOrEqual(2 * MAX_REFUSALS);
        }
      }),
      { numRuns: 3 },
    );
  });
});
