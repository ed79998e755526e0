import type { Tool, TrustEdge } from "../../core/model/bundle.ts";
import type { JsonObject } from "../../core/model/json.ts";
import type { PolicyClass } from "../../core/model/policy.ts";
import { chargeOf, exhausted, plus } from "../../core/session/budget.ts";
import { needOf } from "../../core/session/hypothesis.ts";
import { type Case, judge, verdict } from "../../core/session/judge.ts";
import {
  NEW_WORKFLOW,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "../../core/session/state.ts";
import type { CompiledBundle } from "../compile.ts";
import { classesNamed } from "./template-statement.ts";
import type { QueryTemplate, Template, WriteTemplate } from "./model.ts";
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
  | {
      readonly decision: "approval";
      readonly rules: readonly string[];
      readonly kinds: readonly string[];
    }
  | { readonly decision: "trap" };

/** Rule ids that tests may name although no policy has them. */
export const BUILT_IN_RULES: readonly string[] = [
  "core:seat",
  "core:budget.calls",
  "core:budget.cost",
  "core:budget.runtime",
  "core:budget.tokens",
  "core:budget.tool",
  "default:network",
  "default:action",
  "default:data",
  "default:budget",
  "default:authority",
];

/** Null: as expected. Otherwise what came instead, without any argument's value. */
export function runTest(bundle: CompiledBundle, test: PolicyTest): string | null {
  const tool = bundle.view.tool(test.tool);
  if (tool === undefined) return "the tool is not there";
  const found =
    test.human === undefined
      ? decideTest(bundle, tool, test)
      : decideApprover(bundle, tool, test, test.human);
  if (found.decision === "trap") return "the policy engine could not answer";
  const got = describe(found);
  if (found.decision !== test.expect) return `expected ${test.expect}, got ${got}`;
  if (found.decision === "deny" && test.policyClass !== undefined) {
    if (found.policyClass !== test.policyClass) {
      return `expected a denial by ${test.policyClass}, got ${got}`;
    }
  }
  const absent = test.rules.filter((rule) => !found.rules.includes(rule));
  if (absent.length > 0) return `${absent.join(", ")} did not decide, got ${got}`;
  if (found.decision === "approval" && test.kinds !== undefined) {
    const expected = test.kinds.toSorted().join(", ");
    if (expected !== found.kinds.toSorted().join(", ")) {
      return `expected to ask for ${expected}, got ${got}`;
    }
  }
  if (found.decision === "allow" && test.redacts !== undefined) {
    const expected = test.redacts.toSorted().join(", ");
    if (expected !== found.redacts.join(", ")) {
      return `expected to redact ${expected || "nothing"}, got ${got}`;
    }
  }
  return null;
}

function describe(verdict: Exclude<Verdict, { decision: "trap" }>): string {
  if (verdict.decision === "allow") {
    return `allow, redacting ${verdict.redacts.join(", ") || "nothing"} (${verdict.rules.join(", ")})`;
  }
  if (verdict.decision === "approval") {
    return `approval of ${verdict.kinds.join(", ")} (${verdict.rules.join(", ")})`;
  }
  const by = verdict.policyClass === null ? "" : ` by ${verdict.policyClass}`;
  return `deny${by} (${verdict.rules.join(", ")})`;
}

/** The order of core's admission: reservation first, then the four classes; trust is the outer wall. */
function decideTest(bundle: CompiledBundle, tool: Tool, test: PolicyTest): Verdict {
  const { edge, grants } = edgeOf(bundle.view.trust, test);
  const one = caseOf(bundle, tool, test, edge);
  const { after } = one;
  const over = edge === undefined ? null : exhausted(after, edge.limits, tool.id);
  if (over !== null) return { decision: "deny", policyClass: "budget", rules: [over] };
  const judged = judge(one, test.approvals);
  if (judged.kind === "trap") return { decision: "trap" };
  if (judged.kind === "denied") {
    // With approvals given, this is the execution, of which nothing more is asked.
    const { approvalKinds } = bundle.view;
    const needed = test.approvals.length > 0 ? null : needOf(one, judged, approvalKinds, () => "");
    if (needed === "trap") return { decision: "trap" };
    if (needed === null || !grants) {
      return { decision: "deny", policyClass: judged.policyClass, rules: judged.ruleIds };
    }
    const { kinds, ruleIds } = needed.need;
    return { decision: "approval", kinds, rules: ruleIds };
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

/** May a human with these groups give this kind for such a call? As `decideApproval` asks it. */
function decideApprover(
  bundle: CompiledBundle,
  tool: Tool,
  test: PolicyTest,
  human: NonNullable<PolicyTest["human"]>,
): Verdict {
  const kind = bundle.view.approvalKinds.find(({ id }) => id === human.approve);
  if (human.requester && kind?.selfApproval !== true) {
    return { decision: "deny", policyClass: null, rules: ["core:approval.requester"] };
  }
  const { edge } = edgeOf(bundle.view.trust, test);
  try {
    const { allow, ruleIds } = verdict(
      "authority",
      bundle.evaluator.authorize({
        action: "approve",
        principal: "",
        resource: { type: "ApprovalKind", id: human.approve },
        context: {
          groups: human.groups,
          requester: human.requester,
          agent: test.agent,
          purpose: test.purpose ?? edge?.purposes[0] ?? "",
          tool: tool.id,
          action: tool.action,
          tier: tool.tier,
        },
      }),
    );
    return allow
      ? { decision: "allow", rules: ruleIds, redacts: [] }
      : { decision: "deny", policyClass: null, rules: ruleIds };
  } catch {
    return { decision: "trap" };
  }
}

function caseOf(
  bundle: CompiledBundle,
  tool: Tool,
  test: PolicyTest,
  edge: TrustEdge | undefined,
): Case {
  const seat = seatOf(test, [tool.id], edge);
  const state = stateOf(test, edge, seat);
  const template = bundle.tools.find((one) => one.tool.id === tool.id)?.template;
  return {
    state,
    seat,
    tool,
    ...(isStatement(template) && { named: classesNamed(template, test.arguments) }),
    after: plus(state.used, chargeOf(tool, [seat]), tool.id),
    policyArguments: shown(tool, test),
    sources: Object.fromEntries(
      Object.entries(test.sources).filter(([name]) => tool.sourceArguments.includes(name)),
    ),
    evaluator: bundle.evaluator,
  };
}

/** Its agent writes it: what it is about stands in the arguments of the test. */
function isStatement(template: Template | undefined): template is QueryTemplate | WriteTemplate {
  return template?.kind === "query" || template?.kind === "write";
}

/** The edge the test names, or the first that would give this agent the tool, or the agent's first. */
function edgeOf(
  trust: readonly TrustEdge[],
  test: PolicyTest,
): { readonly edge: TrustEdge | undefined; readonly grants: boolean } {
  const starts = trust.filter(
    (edge) =>
      (test.trust === undefined || edge.id === test.trust) &&
      edge.agents.includes(test.chain.at(-1) ?? test.agent) &&
      (test.purpose === undefined || edge.purposes.includes(test.purpose)),
  );
  const granting = starts.find(({ tools }) => tools.includes("*") || tools.includes(test.tool));
  return { edge: granting ?? starts[0], grants: granting !== undefined };
}

function seatOf(test: PolicyTest, tools: readonly string[], edge: TrustEdge | undefined): Seat {
  return {
    id: "seat_test",
    agent: test.agent,
    jkt: "",
    parent: test.chain.length > 0 ? "seat_0" : null,
    depth: Math.max(test.depth, test.chain.length),
    tools,
    limits: edge?.limits ?? NEW_WORKFLOW.limits,
    used: NOTHING_USED,
    expiresAt: Number.MAX_SAFE_INTEGER,
    lockEpoch: 0,
    call: null,
  };
}

function stateOf(test: PolicyTest, edge: TrustEdge | undefined, seat: Seat): WorkflowState {
  const { calls, cost, runtimeMs, tokens } = test;
  // Who stands behind the caller, from the nearest to the one the human started.
  const behind = test.chain.map((agent, at): [string, Seat] => [
    `seat_${at}`,
    {
      ...seat,
      ...{ id: `seat_${at}`, agent },
      parent: at + 1 < test.chain.length ? `seat_${at + 1}` : null,
      depth: test.chain.length - 1 - at,
    },
  ]);
  return {
    ...NEW_WORKFLOW,
    status: "open",
    agent: test.agent,
    purpose: test.purpose ?? edge?.purposes[0] ?? "",
    trust: test.trust ?? edge?.id ?? "",
    limits: edge?.limits ?? NEW_WORKFLOW.limits,
    expiresAt: Number.MAX_SAFE_INTEGER,
    used: { calls, cost, runtimeMs, tokens, tools: {} },
    labels: test.labels.toSorted(),
    writeDomains: Object.fromEntries(
      test.writeDomains.map((domain) => [domain, { calls: 1, first: "", critical: false }]),
    ),
    seats: Object.fromEntries([[seat.id, seat], ...behind]),
  };
}

/** As in production, policies see only what the tool declares. */
function shown(tool: Tool, test: PolicyTest): JsonObject {
  return Object.fromEntries(
    Object.entries(test.arguments).filter(([name]) => tool.policyArguments.includes(name)),
  );
}
