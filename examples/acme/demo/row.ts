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
  readonly ms: number;
  /** Null for what never reached the gateway. */
  readonly call: string | null;
}

export function rowOf({ title, tool, ms, outcome }: Step): Row {
  const { reason, redactions = [], dropped = 0, call } = outcome;
  return {
    title,
    tool,
    outcome: outcome.outcome,
    code: reason?.code ?? null,
    ruleIds: reason?.ruleIds ?? [...new Set(redactions.flatMap((one) => one.ruleIds))].sort(),
    redactions: redactions.map((one) => [one.path, one.dataClass, ...one.ruleIds].join(" ")).sort(),
    dropped,
    ms,
    call,
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
    ms,
    call: null,
  };
}
