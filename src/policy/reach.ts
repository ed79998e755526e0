import type { BundleView, DelegationEdge, TrustEdge } from "../core/model/bundle.ts";
import { MAX_HOPS } from "../core/session/limits.ts";

/** One way from humans to a tool. */
export interface Reach {
  readonly tool: string;
  /** Who calls it in the end. */
  readonly agent: string;
  /** What a human has to be: every named claim holds one of the values. */
  readonly humans: TrustEdge["claims"];
  readonly purposes: readonly string[];
  /** `trust:<id>`, then a `delegation:<id>` for each hop. */
  readonly through: readonly string[];
  /** Agents from the one the human starts to the one that calls. */
  readonly agents: readonly string[];
}

/** Ways that one answer lists; a bundle with more is better asked about one tool. */
export const MAX_REACH = 10_000;

/**
 * Who can reach what, through whom: every way that trust opens, none twice, cycles left out as the
 * decider refuses them. What policies then say of each call is another question.
 */
export function reachOf(
  bundle: Pick<BundleView, "toolIds" | "trust" | "delegations">,
  wanted?: string,
): { readonly ways: readonly Reach[]; readonly truncated: boolean } {
  const ways: Reach[] = [];
  for (const edge of bundle.trust) {
    // The decider lets nobody in through an edge that names no claim.
    if (Object.keys(edge.claims).length === 0) continue;
    const tools = granted(edge.tools, bundle.toolIds);
    for (const agent of edge.agents) {
      if (!walk(bundle.delegations, edge, [agent], tools, [`trust:${edge.id}`], wanted, ways)) {
        return { ways, truncated: true };
      }
    }
  }
  return { ways, truncated: false };
}

/** False: there are more than anybody reads. */
function walk(
  delegations: readonly DelegationEdge[],
  edge: TrustEdge,
  agents: readonly string[],
  tools: readonly string[],
  through: readonly string[],
  wanted: string | undefined,
  to: Reach[],
): boolean {
  const agent = agents.at(-1)!;
  const { claims: humans, purposes } = edge;
  for (const tool of tools) {
    if (wanted !== undefined && tool !== wanted) continue;
    if (to.length >= MAX_REACH) return false;
    to.push({ tool, agent, humans, purposes, through, agents });
  }
  if (agents.length > MAX_HOPS) return true;
  for (const delegation of delegations) {
    if (!delegation.from.includes(agent)) continue;
    const fewer = granted(delegation.tools, tools);
    // Nothing that is asked about is left: no hop behind it can bring it back.
    if (fewer.length === 0 || (wanted !== undefined && !fewer.includes(wanted))) continue;
    for (const next of delegation.to) {
      if (agents.includes(next)) continue;
      const via = [...through, `delegation:${delegation.id}`];
      if (!walk(delegations, edge, [...agents, next], fewer, via, wanted, to)) return false;
    }
  }
  return true;
}

function granted(tools: readonly string[], all: readonly string[]): readonly string[] {
  return tools.includes("*") ? all : all.filter((tool) => tools.includes(tool));
}
