import type { BundleView, DelegationEdge, Tool, TrustEdge } from "../core/model/bundle.ts";
import type { Lock, LockTable, LockTarget } from "../core/model/lock.ts";
import { likely } from "./bundle/typo.ts";
import { type Reach, reachOf } from "./reach.ts";

export type TrustBundle = Pick<
  BundleView,
  "digest" | "tool" | "toolIds" | "agents" | "trust" | "delegations"
>;

/** What trust says, whole, under one bundle. */
export interface TrustView {
  readonly policyVersion: string;
  /** All tools of the bundle: what `*` in an edge stands for. */
  readonly tools: readonly string[];
  readonly edges: readonly TrustEdge[];
  readonly delegations: readonly DelegationEdge[];
  /** In force on something that the bundle names; null: nobody can tell, so nothing is admitted. */
  readonly locks: readonly Lock[] | null;
}

export interface WhoCan {
  readonly policyVersion: string;
  /** Null: the bundle has no such tool. */
  readonly tool: Pick<Tool, "id" | "action" | "tier" | "destination"> | null;
  /** A tool that was probably meant. */
  readonly suggestion: string | null;
  readonly ways: readonly Reach[];
  /** There are more ways than these. */
  readonly truncated: boolean;
  /** In force on the tool, its destination, or an agent of one of the ways; null: nobody can tell. */
  readonly locks: readonly Lock[] | null;
}

export function trustView(bundle: TrustBundle, tenant: string, table: LockTable | null): TrustView {
  const { digest: policyVersion, toolIds: tools, trust: edges, delegations, agents } = bundle;
  const destinations = tools.flatMap((id) => bundle.tool(id)?.destination ?? []);
  const named = { tenant: [tenant], bundle: [policyVersion], agent: agents, tool: tools };
  return {
    ...{ policyVersion, tools, edges, delegations },
    locks: locksOn(table, { ...named, destination: destinations }),
  };
}

/** Everybody whom trust lets reach one tool. What policies say of a call is another question. */
export function whoCan(
  bundle: TrustBundle,
  tenant: string,
  id: string,
  table: LockTable | null,
): WhoCan {
  const policyVersion = bundle.digest;
  const tool = bundle.tool(id);
  if (tool === undefined) {
    const suggestion = likely(id, bundle.toolIds) ?? null;
    return { policyVersion, tool: null, suggestion, ways: [], truncated: false, locks: [] };
  }
  const { action, tier, destination } = tool;
  const { ways, truncated } = reachOf(bundle, id);
  const locks = locksOn(table, {
    ...{ tenant: [tenant], bundle: [policyVersion], tool: [id], destination: [destination] },
    agent: ways.flatMap((way) => way.agents),
  });
  const described = { id, action, tier, destination };
  return { policyVersion, tool: described, suggestion: null, ways, truncated, locks };
}

function locksOn(
  table: LockTable | null,
  named: { readonly [target in LockTarget]?: readonly string[] },
): readonly Lock[] | null {
  if (table === null) return null;
  const names = new Map(
    Object.entries(named).map(([target, values]) => [target, new Set<string>(values)]),
  );
  return table.locks
    .filter(({ target, value }) => names.get(target)?.has(value) === true)
    .map(({ id, target, value }) => ({ id, target, value }));
}
