import type { SuiteCheck } from "./suite.ts";

/**
 * What each check of one revision is expected to give. `passed` is the suite's SUCCESS. Everything
 * else is not testable here: the suite's word for it is pinned all the same, with a reason.
 */
export interface Table {
  readonly revision: string;
  /** Why a check cannot apply to a gateway that offers tools and nothing else. */
  readonly reasons: { readonly [key: string]: string };
  readonly checks: { readonly [scenario: string]: { readonly [check: string]: Expectation } };
  /** By `<scenario> <check>`: what a tool's own server gives and Postern does not, with the reason. */
  readonly differences: { readonly [check: string]: string };
}

export type Expectation = "passed" | { readonly notTestable: string; readonly suite: SuiteStatus };

export type SuiteStatus = "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";

/** By `<scenario> <id>`, with `#2`, `#3` … where a scenario reports one id several times. */
export function byName(checks: readonly SuiteCheck[]): ReadonlyMap<string, SuiteCheck> {
  const named = new Map<string, SuiteCheck>();
  const counts = new Map<string, number>();
  for (const check of checks) {
    const name = `${check.scenario} ${check.id}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    named.set(count === 1 ? name : `${name}#${count}`, check);
  }
  return named;
}

/** What these ask for is answered by tools, and not by the endpoint in front of them. */
const TOOL_SCENARIO = /^(?:tools|elicitation|json-schema|input-required-result)-/;
/** Of prompts, and of what must never ask for input. */
const OTHER_SCENARIO = /^input-required-result-(?:non-tool-request|unsupported-methods)$/;

export function ofTools(checks: ReadonlyMap<string, SuiteCheck>): ReadonlyMap<string, SuiteCheck> {
  return new Map(
    [...checks].filter(
      ([, { scenario }]) => TOOL_SCENARIO.test(scenario) && !OTHER_SCENARIO.test(scenario),
    ),
  );
}

/** Checks that end otherwise, or are made on one side only: one that fails early spares the others. */
export function differences(
  direct: ReadonlyMap<string, SuiteCheck>,
  through: ReadonlyMap<string, SuiteCheck>,
): readonly string[] {
  return [...new Set([...direct.keys(), ...through.keys()])]
    .filter((name) => direct.get(name)?.status !== through.get(name)?.status)
    .toSorted();
}

export function expectedStatus(expectation: Expectation): SuiteStatus {
  return expectation === "passed" ? "SUCCESS" : expectation.suite;
}

/** One line for each check that the table knows, the reasons, and the sums. */
export function render(table: Table, found: ReadonlyMap<string, SuiteCheck>): string {
  const rows = Object.entries(table.checks).flatMap(([scenario, checks]) =>
    Object.entries(checks).map(([check, expectation]) => {
      const status = found.get(`${scenario} ${check}`)?.status;
      const asExpected = status === expectedStatus(expectation);
      if (!asExpected) return { result: "FAILED", scenario, check, note: status ?? "did not run" };
      return expectation === "passed"
        ? { result: "passed", scenario, check, note: "" }
        : { result: "not testable", scenario, check, note: expectation.notTestable };
    }),
  );
  const widest = Math.max(...rows.map(({ scenario }) => scenario.length));
  const lines = rows.map(({ result, scenario, check, note }) => {
    const why = note === "" ? "" : ` (${note})`;
    return `${result.padEnd("not testable".length)}  ${scenario.padEnd(widest)}  ${check}${why}`;
  });
  const count = (result: string): number => rows.filter((row) => row.result === result).length;
  const sums =
    `${count("passed")} passed, ${count("FAILED")} failed, ` +
    `${count("not testable")} not testable`;
  const reasons = Object.entries(table.reasons).map(([key, reason]) => `${key}: ${reason}`);
  return [...lines, "", ...reasons, "", `MCP ${table.revision}: ${sums}`, ""].join("\n");
}
