import type { Tool, TrustEdge } from "../../core/model/bundle.ts";
import type { JsonObject } from "../../core/model/json.ts";
import type { PolicyClass } from "../../core/model/policy.ts";
import { charge, exhausted } from "../../core/session/budget.ts";
import { judge } from "../../core/session/judge.ts";
import { NEW_WORKFLOW, type Seat, type WorkflowState } from "../../core/session/state.ts";
import type { CompiledBundle } from "../compile.ts";
import type { PolicyTest } from "./tests.ts";

/** What production would answer. */
type Verdict =
  | {
      readonly decision: "allow";
      readonly rules: readonly string[];
      readonly redacts: readonly string[];
    }
  | {
      readonly decision: "deny";
      readonly policyClass: PolicyClass | null;
      readonly rules: readonly string[];
    }
  | { readonly decision: "trap" };

/** Rule ids that tests may name although no policy has them. */
export const BUILT_IN_RULES: readonly string[] = [
  "core:seat",
  "core:budget.calls",
  "core:budget.cost",
  "core:budget.runtime",
  "default:network",
  "default:action",
  "default:data",
  "default:budget",
];

/** Null: as expected. Otherwise what came instead, without any argument's value. */
export function runTest(bundle: CompiledBundle, test: PolicyTest): string | null {
  const tool = bundle.view.tool(test.tool);
  if (tool === undefined) return "the tool is not there";
  const verdict = decideTest(bundle, tool, test);
  if (verdict.decision === "trap") return "the policy engine could not answer";
  const got = describe(verdict);
  if (verdict.decision !== test.expect) return `expected ${test.expect}, got ${got}`;
  if (verdict.decision === "deny" && test.policyClass !== undefined) {
    if (verdict.policyClass !== test.policyClass) {
      return `expected a denial by ${test.policyClass}, got ${got}`;
    }
  }
  const absent = test.rules.filter((rule) => !verdict.rules.includes(rule));
  if (absent.length > 0) return `${absent.join(", ")} did not decide, got ${got}`;
  if (verdict.decision === "allow" && test.redacts !== undefined) {
    const expected = test.redacts.toSorted().join(", ");
    if (expected !== verdict.redacts.join(", ")) {
      return `expected to redact ${expected || "nothing"}, got ${got}`;
    }
  }
  return null;
}

function describe(verdict: Exclude<Verdict, { decision: "trap" }>): string {
  if (verdict.decision === "allow") {
    return `allow, redacting ${verdict.redacts.join(", ") || "nothing"} (${verdict.rules.join(", ")})`;
  }
  const by = verdict.policyClass === null ? "" : ` by ${verdict.policyClass}`;
  return `deny${by} (${verdict.rules.join(", ")})`;
}

/** The order of core's admission: reservation first, then the four classes; trust is the outer wall. */
function decideTest(bundle: CompiledBundle, tool: Tool, test: PolicyTest): Verdict {
  const { edge, grants } = edgeOf(bundle.view.trust, test);
  const state = stateOf(test, edge);
  const seat: Seat = {
    id: "seat_test",
    agent: test.agent,
    jkt: "",
    parent: null,
    depth: test.depth,
    tools: [tool.id],
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
  const after = charge(state.used, tool);
  const over = edge === undefined ? null : exhausted(after, edge.limits);
  if (over !== null) return { decision: "deny", policyClass: "budget", rules: [over] };
  const judged = judge(state, seat, tool, after, shown(tool, test), bundle.evaluator);
  if (judged.kind === "trap") return { decision: "trap" };
  if (judged.kind === "denied") {
    return { decision: "deny", policyClass: judged.policyClass, rules: judged.ruleIds };
  }
  // Policies allow it, but no human could start an agent that holds this tool.
  if (!grants) return { decision: "deny", policyClass: null, rules: ["core:seat"] };
  return {
    decision: "allow",
    rules: Object.values(judged.rules).flat(),
    redacts: Object.keys(judged.plan)
      .filter((dataClass) => judged.plan[dataClass]?.allow !== true)
      .sort(),
  };
}

/** The edge the test names, or the first that would give this agent the tool, or the agent's first. */
function edgeOf(
  trust: readonly TrustEdge[],
  test: PolicyTest,
): { readonly edge: TrustEdge | undefined; readonly grants: boolean } {
  const starts = trust.filter(
    (edge) =>
      (test.trust === undefined || edge.id === test.trust) &&
      edge.agents.includes(test.agent) &&
      (test.purpose === undefined || edge.purposes.includes(test.purpose)),
  );
  const granting = starts.find(({ tools }) => tools.includes("*") || tools.includes(test.tool));
  return { edge: granting ?? starts[0], grants: granting !== undefined };
}

function stateOf(test: PolicyTest, edge: TrustEdge | undefined): WorkflowState {
  return {
    ...NEW_WORKFLOW,
    status: "open",
    agent: test.agent,
    purpose: test.purpose ?? edge?.purposes[0] ?? "",
    trust: test.trust ?? edge?.id ?? "",
    limits: edge?.limits ?? NEW_WORKFLOW.limits,
    expiresAt: Number.MAX_SAFE_INTEGER,
    used: { calls: test.calls, cost: test.cost, runtimeMs: test.runtimeMs },
    labels: test.labels.toSorted(),
    writeDomains: Object.fromEntries(test.writeDomains.map((domain) => [domain, 1])),
    seats: {
      seat_test: {
        id: "seat_test",
        agent: test.agent,
        jkt: "",
        parent: null,
        depth: test.depth,
        tools: [],
        expiresAt: Number.MAX_SAFE_INTEGER,
      },
    },
  };
}

/** As in production, policies see only what the tool declares. */
function shown(tool: Tool, test: PolicyTest): JsonObject {
  return Object.fromEntries(
    Object.entries(test.arguments).filter(([name]) => tool.policyArguments.includes(name)),
  );
}
