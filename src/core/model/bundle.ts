import type { Action, Tier } from "./policy.ts";

/** What the decider knows of a tool. The rest of its description is for shaping and rendering. */
export interface Tool {
  readonly id: string;
  /** SHA-256, hex, of the canonical description. */
  readonly definition: string;
  readonly destination: string;
  readonly action: Action;
  readonly tier: Tier;
  /** Named set of state this tool changes. */
  readonly writeDomain?: string;
  /** Every data class the result may hold, sorted. */
  readonly dataClasses: readonly string[];
  /** Facts that stick to the workflow once this tool was admitted. */
  readonly labels: readonly string[];
  /** Arguments shown to policy. */
  readonly policyArguments: readonly string[];
  /** Micro-units of the tenant's currency, charged when admitted. */
  readonly cost: number;
  readonly timeoutMs: number;
  readonly maxResultBytes: number;
}

/** A human may start an agent. Rule id `trust:<id>`. */
export interface TrustEdge {
  readonly id: string;
  /** Every named claim must be there and equal, or (for a list) contain, one of the values. */
  readonly claims: { readonly [claim: string]: readonly string[] };
  readonly agents: readonly string[];
  readonly purposes: readonly string[];
  /** Tool ids; `*` stands for all of the bundle. */
  readonly tools: readonly string[];
  readonly limits: Limits;
  readonly maxLifeMs: number;
}

/** Ceilings of one workflow, fixed when it opens. */
export interface Limits {
  readonly calls: number;
  /** Micro-units. */
  readonly cost: number;
  /** Sum of the time calls took, in milliseconds. */
  readonly runtimeMs: number;
}

/** The part of one immutable bundle that deciding needs. */
export interface BundleView {
  /** The policy version: SHA-256, hex, of the canonical bundle. */
  readonly digest: string;
  tool(id: string): Tool | undefined;
  readonly toolIds: readonly string[];
  readonly trust: readonly TrustEdge[];
}
