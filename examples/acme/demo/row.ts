import type { Step } from "../agent/step.ts";
import type { Haul } from "../thief/main.ts";

/** One line of the report: what was tried, and what came of it. */
export interface Row {
  readonly title: string;
  readonly tool: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly ruleIds: readonly string[];
  /** `<JSON Pointer> <data class> <rule ids>`, sorted. */
  readonly redactions: readonly string[];
  readonly dropped: number;
  /** What a search found, best first; absent where nothing was searched. */
  readonly hits?: readonly Hit[];
  /** What a human is asked to approve: `<JSON Pointer> <before> → <after>`. */
  readonly change: readonly string[];
  readonly ms: number;
  /** Null for what never reached the gateway. */
  readonly call: string | null;
}

export interface Hit {
  readonly id: string;
  readonly title: string;
  readonly score: number;
  /** Null where the agent may not see it. */
  readonly snippet: string | null;
}

export function rowOf({ title, tool, ms, outcome, result }: Step): Row {
  const { reason, redactions = [], dropped = 0, call } = outcome;
  const hits = hitsOf(result);
  return {
    title,
    tool,
    outcome: outcome.outcome,
    code: reason?.code ?? null,
    ruleIds: reason?.ruleIds ?? [...new Set(redactions.flatMap((one) => one.ruleIds))].sort(),
    redactions: redactions.map((one) => [one.path, one.dataClass, ...one.ruleIds].join(" ")).sort(),
    dropped,
    ...(hits.length > 0 && { hits }),
    change: changeOf(outcome.approval?.proposedDiff ?? []),
    ms,
    call,
  };
}

/** Rows of any other tool have no score. */
function hitsOf(result: unknown): readonly Hit[] {
  const { rows = [] } = (result ?? {}) as { readonly rows?: readonly Partial<Hit>[] };
  return rows.filter((row): row is Hit => typeof row.score === "number");
}

type Diff = NonNullable<NonNullable<Step["outcome"]["approval"]>["proposedDiff"]>;

/** A `test` of the old value stands before each `replace` and `remove` (RFC 6902). */
function changeOf(diff: Diff): readonly string[] {
  return diff.flatMap(({ op, path, value }, at) => {
    if (op === "test") return [];
    const before = diff[at - 1];
    const old = before?.op === "test" && before.path === path ? JSON.stringify(before.value) : "—";
    return `${path} ${old} → ${op === "remove" ? "—" : JSON.stringify(value)}`;
  });
}

/** What a person did, with Postern's own command line. */
export function actRow(title: string, outcome: string, ms: number): Row {
  return {
    ...{ title, tool: "postern", outcome, code: null, ruleIds: [], redactions: [], dropped: 0 },
    ...{ change: [], ms, call: null },
  };
}

export function theftRow({ status, code, ms }: Haul): Row {
  return {
    title: "a thief replays the call token",
    tool: "thief → tickets",
    outcome: status === null ? "no attempt" : status < 400 ? "accepted" : "refused",
    code,
    ruleIds: [],
    redactions: [],
    dropped: 0,
    change: [],
    ms,
    call: null,
  };
}
