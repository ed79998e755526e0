import type { BundleView, ContainmentRule, Tool } from "../model/bundle.ts";
import { canonical } from "../model/json.ts";
import type { Answer, AuthorityQuestion, Question } from "../model/policy.ts";
import {
  ALLOW,
  approvalKind,
  bundleOf,
  DENY,
  EDGE,
  readTool,
  sha256,
  SILENT,
  writeTool,
} from "../testing.ts";

/** What random histories happen under: small ceilings, so that each of them is met. */

export const AGENTS = ["helper-agent", "worker-agent", "support-agent"] as const;

export const LIMITS = {
  calls: 30,
  cost: 400,
  runtimeMs: 30_000,
  tokens: 900,
  tools: { deploys: 3 },
};

const CONTAINMENT: readonly ContainmentRule[] = [
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  { id: "trap", signal: "canary_tool", count: 3, withinMs: 60_000, then: "lock_workflow" },
  // oxlint-disable-next-line unicorn/no-thenable -- as above
  { id: "drift", signal: "tool_drift", count: 2, withinMs: 60_000, then: "read_only" },
];

const small = { maxResultBytes: 100 };
const COMMON: readonly Tool[] = [
  readTool({ id: "bait", canary: true, ...small }),
  writeTool({ id: "refund", writeDomain: "billing", preview: ["ticket", "secret"], ...small }),
  writeTool({ id: "payroll", writeDomain: "payroll", critical: true, preview: null, ...small }),
  writeTool({
    ...{ id: "deploys", action: "execute", writeDomain: "deploys", critical: true, ...small },
    resendMs: 700_000,
  }),
];

function bundle(name: string, tools: readonly Tool[]): BundleView {
  return bundleOf([...tools, ...COMMON], [{ ...EDGE, limits: LIMITS }], sha256(name), {
    agents: ["support-agent", ...AGENTS],
    approvalKinds: [
      approvalKind("finance", { lifeMs: 200_000 }),
      approvalKind("legal", { lifeMs: 400_000, selfApproval: true }),
    ],
    containment: CONTAINMENT,
    delegations: [
      {
        ...{ id: "any", from: ["support-agent", "helper-agent"], to: [...AGENTS], tools: ["*"] },
        ...{ limits: { calls: 12, tokens: 300 }, maxLifeMs: 1_200_000 },
      },
    ],
  });
}

export const BUNDLES = [
  bundle("one", [
    readTool({ agent: "helper-agent", ...small }),
    writeTool({ agent: "worker-agent", resendMs: 700_000, ...small }),
  ]),
  bundle("two", [
    readTool({ agent: "helper-agent", cost: 35, labels: ["pii", "secret"], ...small }),
    writeTool({ writeDomain: "constructor", resendMs: 700_000, ...small }),
  ]),
];

/** Kinds without which these are denied, always: what the approvals of a history are about. */
export const NEEDED: { readonly [tool: string]: readonly string[] } = {
  refund: ["finance"],
  deploys: ["finance", "legal"],
};

/** Deterministic, as an engine is: the answer depends on seed and question, on nothing else. */
export function engine(seed: number, trouble: boolean): (question: Question) => Answer {
  return (question) => {
    const { action, context } = question;
    const given = context["approvals"] as readonly string[];
    const needed = NEEDED[String(context["tool"])] ?? [];
    if ((action === "mutate" || action === "execute") && !needed.every((k) => given.includes(k))) {
      return DENY;
    }
    const dice = parseInt(sha256(`${seed}${canonical(question)}`).slice(0, 8), 16) % 48;
    if (dice === 0) return DENY;
    if (dice === 1) return SILENT;
    if (trouble && dice < 4) return { ...ALLOW, errors: ["broken-forbid"] };
    if (trouble && dice < 6) throw new Error("trap");
    if (trouble && dice < 8) return { decision: "allow", ruleIds: [], errors: [] };
    return ALLOW;
  };
}

export function authority({ context }: AuthorityQuestion): Answer {
  return (context["groups"] as readonly string[]).includes("finance") ? ALLOW : SILENT;
}
