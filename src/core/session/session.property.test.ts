import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replay } from "../audit/replay.ts";
import { restore } from "../audit/restore.ts";
import type { CallCommand, Command, Settlement } from "../model/command.ts";
import type { CallAdmitted, WorkflowEvent } from "../model/event.ts";
import { canonical, type Json } from "../model/json.ts";
import type { Lock, LockTable } from "../model/lock.ts";
import { type FailureCode, FAILURES } from "../model/outcome.ts";
import type { Answer, Question } from "../model/policy.ts";
import {
  ALLOW,
  bundleOf,
  callCommand,
  DENY,
  EDGE,
  mac,
  openCommand,
  readTool,
  scripted,
  sha256,
  SILENT,
  World,
  writeTool,
} from "../testing.ts";
import { MAX_REFUSALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { lockRules } from "./locks.ts";

/**
 * Random histories against the promises: P2, P3, P4 after every step, P8 at the end. fast-check
 * prints seed and path of a failure, and the smallest history that still fails.
 */

const LIMITS = { calls: 12, cost: 100, runtimeMs: 9_000 };
const BUNDLES = [
  bundleOf([readTool(), writeTool()], [{ ...EDGE, limits: LIMITS }], sha256("one")),
  bundleOf(
    [readTool({ cost: 35, labels: ["pii", "secret"] }), writeTool({ writeDomain: "constructor" })],
    [{ ...EDGE, limits: LIMITS }],
    sha256("two"),
  ),
];

/** Words that break code which keeps them as keys of plain objects. */
const HOSTILE = ["__proto__", "constructor", "toString", "", "😀", "a\u0000b", "../x", "'; --"];
const CALLS = ["call_1", "call_2", "call_3", "call_4", "call_5", "call_6"];

/** Deterministic, as an engine is: the answer depends on seed and question, on nothing else. */
function engine(seed: number, trouble: boolean): (question: Question) => Answer {
  return (question) => {
    const dice = parseInt(sha256(`${seed}${canonical(question)}`).slice(0, 8), 16) % 24;
    if (dice === 0) return DENY;
    if (dice === 1) return SILENT;
    if (trouble && dice === 2) return { ...ALLOW, errors: ["broken-forbid"] };
    if (trouble && dice === 3) throw new Error("trap");
    if (trouble && dice === 4) return { decision: "allow", ruleIds: [], errors: [] };
    return ALLOW;
  };
}

type Step =
  | { readonly do: "submit"; readonly command: Command }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "locks"; readonly locks: readonly Lock[] | null }
  | { readonly do: "activate"; readonly bundle: number };

const name = (...usual: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
  );

const call: fc.Arbitrary<CallCommand> = fc
  .record({
    call: name(...CALLS),
    seat: name("seat_1"),
    tool: name("customers_find", "tickets_open"),
    arguments: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json),
    shaped: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.constant({ ok: true as const, policyArguments: { region: "eu" } }),
      },
      { weight: 1, arbitrary: fc.constant({ ok: false as const, at: ["/x"] }) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    presenter: fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constantFrom("s1", "s2").map((session) => ({ connector: "con_1", session })),
      },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
  })
  .map((one) => ({ type: "call", txn: `txn_${one.call}`, ...one }));

const settlement: fc.Arbitrary<Settlement> = fc.oneof(
  fc.record({
    kind: fc.constant("answered" as const),
    redactions: fc.array(
      fc.record({ path: fc.constant("/a"), dataClass: fc.constant("x"), count: fc.nat(9) }),
      { maxLength: 2 },
    ),
    dropped: fc.nat(2),
    undeclared: fc.nat(2),
    truncated: fc.boolean(),
    bytes: fc.nat(1_000),
  }),
  fc.record({
    kind: fc.constant("failed" as const),
    code: fc.oneof(
      fc.constant("not_dispatched" as const),
      fc.constantFrom(...(Object.keys(FAILURES) as FailureCode[])),
    ),
    effect: fc.constantFrom("none" as const, "possible" as const),
  }),
);

const lock: fc.Arbitrary<Lock> = fc.constantFrom<Lock>(
  { id: "a", target: "tool", value: "tickets_open" },
  { id: "b", target: "destination", value: "billing" },
  { id: "c", target: "connector", value: "con_1" },
  { id: "d", target: "workflow", value: "wf_1" },
  { id: "e", target: "tenant", value: "another" },
  { id: "f", target: "bundle", value: sha256("two") },
  { id: "g", target: "key", value: "thumbprint" },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .oneof(
        { weight: 6, arbitrary: call },
        {
          weight: 6,
          arbitrary: fc.record({
            type: fc.constant("settle" as const),
            call: name(...CALLS),
            settlement,
            runtimeMs: fc.oneof(
              fc.integer({ min: -10, max: 3_000 }),
              fc.double({ min: 0, max: 1e12, noNaN: true }),
            ),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({
            type: fc.constant("reconcile" as const),
            call: name(...CALLS),
            session: name("s1", "s2"),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ type: fc.constant("renew" as const), seat: name("seat_1") }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            type: fc.constant("checkpoint" as const),
            seat: name("seat_1"),
            value: fc.constant({ note: "state" }),
            bytes: fc.nat(300_000),
          }),
        },
        { weight: 1, arbitrary: fc.constant(openCommand()) },
      )
      .map((command) => ({ do: "submit" as const, command })),
  },
  { weight: 2, arbitrary: fc.nat(90_000).map((ms) => ({ do: "wait" as const, ms })) },
  {
    weight: 1,
    arbitrary: fc
      .option(fc.array(lock, { maxLength: 2 }), { freq: 6 })
      .map((locks) => ({ do: "locks" as const, locks })),
  },
  { weight: 1, arbitrary: fc.nat(1).map((bundle) => ({ do: "activate" as const, bundle })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Command>({ type: "close", seat: null }, { type: "renew", seat: "seat_1" })
      .map((command) => ({ do: "submit" as const, command })),
  },
);

/** What the counters must be, from the events alone and without `evolve`. */
function recomputed(events: readonly WorkflowEvent[]): unknown {
  const open = new Map<
    string,
    { calls: number; cost: number; runtimeMs: number; domain: string | null }
  >();
  const ended: { calls: number; cost: number; runtimeMs: number; domain: string | null }[] = [];
  const unknown = new Map<string, (typeof ended)[number]>();
  const labels = new Set<string>();
  for (const event of events) {
    if (event.type === "call.admitted") {
      const { cost, runtimeMs, writeDomain } = event;
      open.set(event.call, { calls: 1, cost, runtimeMs, domain: writeDomain });
      for (const label of event.labels) labels.add(label);
    } else if (event.type === "call.settled") {
      const { calls, cost, runtimeMs } = event;
      const end = { calls, cost, runtimeMs, domain: open.get(event.call)!.domain };
      open.delete(event.call);
      if (event.outcome === "outcome_unknown") unknown.set(event.call, end);
      else ended.push(end);
    } else if (event.type === "call.reconciled") {
      ended.push({ calls: 0, cost: 0, runtimeMs: 0, domain: unknown.get(event.call)!.domain });
      unknown.delete(event.call);
    }
  }
  const all = [...open.values(), ...unknown.values(), ...ended];
  const sum = (of: "calls" | "cost" | "runtimeMs"): number =>
    all.reduce((total, one) => total + one[of], 0);
  const domains = all
    .filter((one) => one.calls === 1 && one.domain !== null)
    .map((one) => one.domain!);
  return {
    used: { calls: sum("calls"), cost: sum("cost"), runtimeMs: sum("runtimeMs") },
    labels: [...labels].sort(),
    claimed: [...new Set(domains)].sort(),
    inFlight: [...open.keys()],
    unknown: [...unknown.keys()],
  };
}

function holds(locks: LockTable | null, world: World, of: CallAdmitted | CallCommand): boolean {
  if (locks === null) return true;
  const admitted = "type" in of && of.type === "call.admitted" ? of : null;
  const connector = admitted?.connector ?? (of as CallCommand).presenter?.connector;
  const destination = admitted?.destination ?? world.bundle.tool(of.tool)?.destination;
  return (
    lockRules(locks, {
      tenant: "acme",
      human: "human-pseudonym",
      agent: "support-agent",
      key: "thumbprint",
      workflow: "wf_1",
      tool: of.tool,
      bundle: admitted?.policyVersion ?? world.bundle.digest,
      ...(connector !== undefined && { connector }),
      ...(destination !== undefined && { destination }),
    }).length > 0
  );
}

function run(
  seed: number,
  trouble: boolean,
  steps: readonly Step[],
  check: (world: World) => void,
): World {
  const world = new World();
  world.bundle = BUNDLES[0]!;
  const asked: [Question, Answer][] = [];
  const ask = engine(seed, trouble);
  world.script = (question) => {
    const answer = ask(question);
    asked.push([question, answer]);
    return answer;
  };
  world.submit(openCommand());
  for (const one of steps) {
    if (one.do === "wait") world.now += one.ms;
    else if (one.do === "activate") world.bundle = BUNDLES[one.bundle]!;
    else if (one.do === "locks") {
      world.locks = one.locks === null ? null : { epoch: world.state.next, locks: one.locks };
    } else {
      asked.length = 0;
      const { command } = one;
      const admission = world.events.findLast(
        (event) =>
          event.type === "call.admitted" && "call" in command && event.call === command.call,
      ) as CallAdmitted | undefined;
      const decision = world.submit(command);
      expect(decision.events.length).toBeLessThanOrEqual(1);
      if (decision.result.kind === "admitted") {
        // P2: every class was asked, and none but an error-free, named allow counts.
        for (const action of [
          "connect",
          world.bundle.tool((command as CallCommand).tool)!.action,
          "spend",
        ]) {
          const answers = asked.filter(([question]) => question.action === action);
          expect(answers.map(([, answer]) => answer)).toEqual([ALLOW]);
        }
        const shown = asked
          .filter(([question]) => question.action === "disclose")
          .map(([, answer]) => answer);
        expect(shown.some((answer) => answer === ALLOW)).toBe(true);
        expect(shown.every((answer) => answer.errors.length === 0)).toBe(true);
        // P4: nothing under a lock.
        expect(holds(world.locks, world, command as CallCommand)).toBe(false);
        expect(world.now).toBeLessThan(world.state.expiresAt);
      }
      if (decision.result.kind === "settled" && holds(world.locks, world, admission!)) {
        expect(["policy_denied", "outcome_unknown", "failed"]).toContain(decision.result.outcome);
      }
    }
    check(world);
  }
  return world;
}

const history = fc.array(step, { minLength: 10, maxLength: 80, size: "max" });
const seeds = fc.nat();

describe("random histories", () => {
  const sound = (world: World): void => {
    const { state, events } = world;
    const { used, labels, inFlight, unknown } = state;
    for (const counter of ["calls", "cost", "runtimeMs"] as const) {
      expect(used[counter]).toBeGreaterThanOrEqual(0);
      expect(used[counter]).toBeLessThanOrEqual(LIMITS[counter]);
    }
    expect({
      used,
      labels,
      claimed: Object.keys(state.writeDomains).sort(),
      inFlight: inFlight.map((one) => one.call),
      unknown: unknown.map((one) => one.call),
    }).toEqual(recomputed(events));
  };

  it("deny by default, never overspend, obey locks, and count what happened", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        run(seed, trouble, steps, sound);
      }),
      { numRuns: 200 },
    );
  });

  it("reach every kind of event: a suite that refuses everything would prove nothing", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        for (const event of run(seed, trouble, steps, () => undefined).events) {
          seen.add("code" in event ? `${event.type} ${event.outcome} ${event.code}` : event.type);
        }
      }),
      // The same histories every time, so that this does not depend on luck.
      { numRuns: 300, seed: 1 },
    );
    for (const expected of [
      "call.admitted",
      "call.settled ok null",
      "call.settled partial_result null",
      "call.settled policy_denied locked",
      "call.settled outcome_unknown interrupted",
      "call.settled failed not_dispatched",
      "call.reconciled failed not_dispatched",
      "call.refused policy_denied budget_exhausted",
      "call.refused policy_denied locked",
      "call.refused policy_denied policy_error",
      "call.refused failed policy_unavailable",
      "call.refused policy_denied workflow_closed",
    ]) {
      expect(seen).toContain(expected);
    }
  });

  it("are folded back to the same state from the stored bytes, and replay bit for bit", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), history, (seed, trouble, steps) => {
        const world = run(seed, trouble, steps, () => undefined);
        const { state, head, stored: events, inputs } = world;
        expect(restore(sha256, "acme", "wf_1", events)).toEqual({ ok: true, state, head });
        const evaluator = scripted(engine(seed, trouble));
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
      fc.property(seeds, history, call, (seed, steps, command) => {
        const world = run(seed, true, steps, () => undefined);
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
