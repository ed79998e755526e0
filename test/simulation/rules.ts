import type {
  ApprovalKind,
  BundleView,
  ContainmentRule,
  DelegationEdge,
  Tool,
  TrustEdge,
} from "../../src/core/model/bundle.ts";
import type {
  Answer,
  AuthorityQuestion,
  Evaluator,
  Question,
} from "../../src/core/model/policy.ts";
import { ALLOW, DENY, readTool, sha256, SILENT, writeTool } from "../../src/core/testing.ts";

/** The bundle and the rules of every simulated tenant: small, and each of them can happen. */

export const AGENTS = ["planner", "worker", "auditor", "stranger"] as const;
export const HUMANS = ["human-1", "human-2", "human-3"] as const;
export const GROUPS: { readonly [human: string]: readonly string[] } = {
  "human-1": ["staff"],
  "human-2": ["staff", "finance"],
  "human-3": ["staff", "finance", "blind"],
};

/** Tools whose services act only once on one idempotency key. */
export const KEYED: ReadonlySet<string> = new Set(["deploy", "post"]);

const tools: readonly Tool[] = [
  read("find", { agent: AGENTS[1], labels: ["pii"], dataClasses: ["public", "secret"] }),
  read("browse", { labels: ["untrusted"], trusted: false, dataClasses: ["public"] }),
  read("salaries", { dataClasses: ["secret"] }),
  read("far", { destination: "unreachable" }),
  read("dear", { cost: 400 }),
  read("broken"),
  read("trapped"),
  read("bait", { canary: true }),
  read("imported", { reviewed: false }),
  write("note", { preview: null }),
  write("post", { preview: null, resendMs: 900_000 }),
  write("refund", { writeDomain: "billing", preview: ["public"] }),
  write("adjust", { writeDomain: "payroll", critical: true, preview: ["public", "secret"] }),
  write("deploy", {
    ...{ action: "execute", writeDomain: "deploys", critical: true, preview: null },
    resendMs: 900_000,
  }),
];

function read(id: string, more: Partial<Tool> = {}): Tool {
  return readTool({
    ...{ id, definition: sha256(id), destination: "inside", policyArguments: [], labels: [] },
    ...{ dataClasses: ["public"], cost: 10, timeoutMs: 1_000, maxResultBytes: 4_000 },
    ...more,
  });
}

function write(id: string, more: Partial<Tool> = {}): Tool {
  return writeTool({
    ...{ id, definition: sha256(id), destination: "inside", policyArguments: [] },
    ...{ dataClasses: ["public"], cost: 50, timeoutMs: 2_000, maxResultBytes: 4_000 },
    ...more,
  });
}

const trust: readonly TrustEdge[] = [
  {
    id: "staff",
    claims: { groups: ["staff"] },
    agents: ["planner", "auditor"],
    purposes: ["work"],
    tools: ["*"],
    limits: { calls: 30, cost: 2_500, runtimeMs: 60_000, tokens: 60_000, tools: { dear: 2 } },
    maxLifeMs: 1_200_000,
    maxLive: 3,
  },
  {
    id: "bulk",
    claims: { groups: ["staff"] },
    agents: ["planner"],
    purposes: ["bulk"],
    tools: ["find", "note", "deploy"],
    limits: { calls: 5_000, cost: 10_000_000, runtimeMs: 100_000_000 },
    maxLifeMs: 1_200_000,
    maxLive: 3,
  },
];

const delegations: readonly DelegationEdge[] = [
  {
    id: "down",
    from: ["planner"],
    to: ["worker", "auditor"],
    tools: ["*"],
    limits: { calls: 12 },
    maxLifeMs: 600_000,
  },
  {
    id: "further",
    from: ["worker"],
    to: ["auditor", "planner"],
    tools: ["find", "refund", "note"],
    limits: {},
    maxLifeMs: 300_000,
  },
];

/** `finance` for every change, a second pair of eyes once strangers' text was read. */
const approvalKinds: readonly ApprovalKind[] = [
  { id: "finance", title: "Finance", lifeMs: 120_000, selfApproval: false },
  { id: "second", title: "Second pair of eyes", lifeMs: 240_000, selfApproval: true },
];

/* oxlint-disable unicorn/no-thenable -- read as "and then"; nobody awaits a rule */
const containment: readonly ContainmentRule[] = [
  { id: "bait", signal: "canary_tool", count: 3, withinMs: 60_000, then: "lock_workflow" },
  { id: "burst", signal: "denial_burst", count: 1, withinMs: 60_000, then: "read_only" },
  { id: "replay", signal: "token_replayed", count: 1, withinMs: 60_000, then: "lock_subject" },
];
/* oxlint-enable unicorn/no-thenable */

export function simulatedBundle(tenant: string): BundleView {
  const byId = new Map(tools.map((tool) => [tool.id, tool]));
  return {
    digest: sha256(`bundle of ${tenant}`),
    tool: (id) => byId.get(id),
    toolIds: [...byId.keys()].sort(),
    agents: AGENTS,
    trust,
    delegations,
    approvalKinds,
    containment,
  };
}

export const TOOL_IDS = tools.map((tool) => tool.id);

/** Tools that no admission may ever name, whatever else happens: an oracle of its own. */
export const NEVER_ADMITTED: ReadonlySet<string> = new Set([
  "salaries",
  "far",
  "broken",
  "trapped",
]);

export const scriptedRules: Evaluator = { evaluate, authorize };

function evaluate(question: Question): Answer {
  const { policyClass, resource, context } = question;
  const given = context["approvals"] as readonly string[];
  const labels = context["labels"] as readonly string[];
  switch (policyClass) {
    case "network":
      return resource.id === "unreachable" ? SILENT : ALLOW;
    case "data":
      if (resource.id !== "secret") return ALLOW;
      return question.human === true && !(context["groups"] as readonly string[]).includes("blind")
        ? ALLOW
        : DENY;
    case "budget":
      return context["purpose"] === "work" && (context["calls"] as number) > 14 ? DENY : ALLOW;
    case "action":
      if (context["tool"] === "trapped") throw new Error("the engine trapped");
      if (context["tool"] === "broken") return { ...ALLOW, errors: ["forbid-broken"] };
      if (question.action !== "mutate" && question.action !== "execute") return ALLOW;
      if (context["tool"] === "note" || context["tool"] === "post") return ALLOW;
      if (!given.includes("finance")) return DENY;
      return labels.includes("untrusted") && !given.includes("second") ? DENY : ALLOW;
  }
}

function authorize({ resource, context }: AuthorityQuestion): Answer {
  const groups = context["groups"] as readonly string[];
  return resource.id === "second" || groups.includes("finance") ? ALLOW : DENY;
}
