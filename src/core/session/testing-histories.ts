import fc from "fast-check";
import { type Command, FINDINGS, type SeatCommand, type Settlement } from "../model/command.ts";
import type { Lock } from "../model/lock.ts";
import { type FailureCode, FAILURES } from "../model/outcome.ts";
import { SIGNALS } from "../model/signal.ts";
import { openCommand, sha256 } from "../testing.ts";
import { AGENTS } from "./testing-rules.ts";

/** Random histories of one workflow: commands, waiting, locks and bundles, hostile words included. */

/** Words that break code which keeps them as keys of plain objects. */
const HOSTILE = ["__proto__", "constructor", "toString", "", "😀", "a\u0000b", "../x", "'; --"];
const TOOLS = ["customers_find", "tickets_open", "refund", "payroll", "deploys", "bait"];

/** Numbers stand for the nth of what there is by then: ids are known only while a history runs. */
export type Step =
  | { readonly do: "submit"; readonly command: Command }
  | ({ readonly do: "call" } & CallStep)
  | {
      readonly do: "settle";
      readonly nth: number;
      readonly settlement: Settlement;
      readonly runtimeMs: number;
      /** An answer to the other question: a preview of an execution. */
      readonly unfit: boolean;
    }
  | {
      readonly do: "reconcile";
      readonly nth: number;
      readonly session: string | null;
      readonly finding: (typeof FINDINGS)[number];
    }
  | {
      readonly do: "resend";
      readonly nth: number;
      readonly connector: string;
      /** As it was admitted. */
      readonly honest: boolean;
    }
  | {
      readonly do: "move";
      readonly nth: number;
      readonly connector: string;
      readonly effect: "none" | "possible";
    }
  | {
      readonly do: "seat";
      readonly parent: number;
      readonly exchange: boolean;
      readonly asked: Ask;
    }
  | {
      readonly do: "decide";
      readonly nth: number;
      readonly kind: number;
      readonly verdict: "approve" | "reject";
      readonly human: string;
      readonly honest: boolean;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "locks"; readonly locks: readonly Lock[] | null }
  | { readonly do: "activate"; readonly bundle: number };

export interface CallStep {
  readonly seat: number | string;
  readonly tool: string;
  readonly change: number;
  readonly fits: boolean | null;
  readonly session: string | null;
  readonly idempotencyKey: string | null;
  /** Under the id of one that is under way. */
  readonly again: boolean;
}
type Ask = Omit<SeatCommand, "type" | "parent" | "seat" | "call">;

const name = (...usual: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
  );
const rarely = fc.nat(19).map((n) => n === 0);
const mostly = rarely.map((no) => !no);

export const call: fc.Arbitrary<CallStep> = fc.record({
  seat: fc.oneof(
    { weight: 12, arbitrary: fc.nat(5) },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
  ),
  tool: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...TOOLS, "refund", "refund", "customers_find") },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
  ),
  change: fc.nat(1),
  fits: fc.oneof(
    { weight: 18, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constantFrom(false, null) },
  ),
  session: fc.option(fc.constantFrom("s1", "s2"), { freq: 12 }),
  idempotencyKey: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom("k1", "k2") },
  ),
  again: rarely,
});

const settlement: fc.Arbitrary<Settlement> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("answered" as const),
      redactions: fc.array(
        fc.record({ path: fc.constant("/a"), dataClass: fc.constant("x"), count: fc.nat(9) }),
        { maxLength: 2 },
      ),
      dropped: fc.nat(2),
      undeclared: fc.nat(2),
      truncated: fc.boolean(),
      bytes: fc.nat(1_000),
      canaries: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("failed" as const),
      code: fc.oneof(
        fc.constantFrom("not_dispatched" as const, "preview_stale" as const),
        fc.constantFrom(...(Object.keys(FAILURES) as FailureCode[])),
      ),
      effect: fc.constantFrom("none" as const, "possible" as const),
    }),
  },
);

const lock: fc.Arbitrary<Lock> = fc.constantFrom<Lock>(
  { id: "a", target: "tool", value: "tickets_open" },
  { id: "b", target: "destination", value: "billing" },
  { id: "c", target: "connector", value: "con_1" },
  { id: "d", target: "workflow", value: "wf_1" },
  { id: "e", target: "tenant", value: "another" },
  { id: "f", target: "bundle", value: sha256("two") },
  { id: "g", target: "key", value: "thumbprint" },
  { id: "h", target: "agent", value: "helper-agent" },
  { id: "i", target: "key", value: "key of worker-agent" },
  { id: "j", target: "human", value: "human-2" },
);

const seat = fc
  .record({
    agent: fc.constantFrom(...AGENTS),
    stolen: rarely,
    tools: fc.option(fc.subarray(TOOLS), { freq: 3 }),
    limits: fc.option(fc.record({ calls: fc.nat(15), cost: fc.nat(300) }), { freq: 3 }),
    lifeMs: fc.option(fc.integer({ min: -1, max: 900_000 }), { freq: 3 }),
  })
  .map(({ agent, stolen, tools, limits, lifeMs }): Ask => ({
    agent,
    key: "own",
    jkt: stolen || agent === "support-agent" ? "thumbprint" : `key of ${agent}`,
    ...(tools !== null && { tools }),
    ...(limits !== null && { limits }),
    ...(lifeMs !== null && { lifeMs }),
  }));

const anySeat = name("seat_1", "seat_1", "seat_2");
const smallThing: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant("renew" as const), seat: anySeat }),
  fc.record({
    type: fc.constant("checkpoint" as const),
    seat: anySeat,
    value: fc.constant({ note: "state" }),
    bytes: fc.nat(300_000),
  }),
  fc.record({
    type: fc.constant("reportUsage" as const),
    seat: anySeat,
    tokens: fc.integer({ min: -1, max: 200 }),
  }),
  fc.record({
    type: fc.constant("signal" as const),
    signal: fc.constantFrom(...SIGNALS),
    seat: fc.constantFrom("seat_1", null),
    call: fc.constant(null),
    subject: fc.constantFrom({ target: "key" as const, value: "thumbprint" }, null),
  }),
  // Of a call that never was.
  fc.record({
    type: fc.constant("settle" as const),
    call: name("x"),
    settlement,
    runtimeMs: fc.nat(),
  }),
  fc.constant(openCommand()),
);

const runtimeMs = fc.oneof(
  fc.integer({ min: -10, max: 3_000 }),
  fc.double({ min: 0, max: 1e12, noNaN: true }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: call.map((one) => ({ do: "call" as const, ...one })) },
  {
    weight: 10,
    arbitrary: fc
      .record({ nth: fc.nat(9), settlement, runtimeMs, unfit: rarely })
      .map((one) => ({ do: "settle" as const, ...one })),
  },
  {
    weight: 7,
    arbitrary: fc
      .record({
        nth: fc.nat(5),
        kind: fc.nat(1),
        verdict: fc.constantFrom("approve", "approve", "approve", "approve", "reject" as const),
        human: fc.constantFrom("human-1", "human-2", "human-pseudonym", "human-without-groups"),
        honest: mostly,
      })
      .map((one) => ({ do: "decide" as const, ...one })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        nth: fc.nat(5),
        session: fc.option(fc.constant("another"), { freq: 5 }),
        finding: fc.constantFrom(...FINDINGS),
      })
      .map((one) => ({ do: "reconcile" as const, ...one })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        nth: fc.nat(5),
        connector: fc.constantFrom("con_1", "con_1", "con_1", "con_2"),
        honest: mostly,
      })
      .map((one) => ({ do: "resend" as const, ...one })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        nth: fc.nat(5),
        connector: fc.constantFrom("con_1", "con_2"),
        effect: fc.constantFrom("none" as const, "possible" as const),
      })
      .map((one) => ({ do: "move" as const, ...one })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ parent: fc.nat(5), exchange: fc.boolean(), asked: seat })
      .map((one) => ({ do: "seat" as const, ...one })),
  },
  { weight: 4, arbitrary: smallThing.map((command) => ({ do: "submit" as const, command })) },
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
      .nat(3)
      .map((n): Command =>
        n === 0 ? { type: "close", seat: null } : { type: "renew", seat: "seat_1" },
      )
      .map((command) => ({ do: "submit" as const, command })),
  },
);

export const history = fc.array(step, { minLength: 10, maxLength: 120, size: "max" });
export const seeds = fc.nat();
