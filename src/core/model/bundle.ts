import type { Action, Place, Tier } from "./policy.ts";
import type { SignalCode } from "./signal.ts";

/** What the decider knows of a tool. The rest of its description is for shaping and rendering. */
export interface Tool {
  readonly id: string;
  /** SHA-256, hex, of the canonical description. */
  readonly definition: string;
  readonly destination: string;
  /** Of the destination: this tool's own tier may be lower. */
  readonly place: Place;
  readonly action: Action;
  readonly tier: Tier;
  /** Named set of state this tool changes. */
  readonly writeDomain?: string;
  /** That set is marked `critical`: a workflow writes to one of those only (P6). */
  readonly critical: boolean;
  /** Every data class the result may hold, sorted. */
  readonly dataClasses: readonly string[];
  /** Facts that stick to the workflow once this tool was admitted. */
  readonly labels: readonly string[];
  /** Arguments shown to policy. */
  readonly policyArguments: readonly string[];
  /** Arguments of which policy also sees where their value came from. */
  readonly sourceArguments: readonly string[];
  /** What it returns may be believed: an argument found there has the source `trusted`. */
  readonly trusted: boolean;
  /** The agent that this tool itself is: it may take a seat for as long as its call lasts. */
  readonly agent: string | null;
  /** A person stands behind its description. Until then nobody may call it. */
  readonly reviewed: boolean;
  /** A trap: nobody who does honest work calls it. */
  readonly canary: boolean;
  /**
   * For so long, in milliseconds, its service acts only once on one idempotency key: until then a call
   * whose answer was lost may be sent again under its own. Null: never.
   */
  readonly resendMs: number | null;
  /** The data classes of its preview, sorted; null: this tool declares no preview. */
  readonly preview: readonly string[] | null;
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
  /** Live workflows of one human with one agent. */
  readonly maxLive: number;
}

/** One agent may give another a seat. Rule id `delegation:<id>`. */
export interface DelegationEdge {
  readonly id: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Tool ids; `*` stands for all of the giver. */
  readonly tools: readonly string[];
  /** Caps of the new seat; absent members: those of the giver. */
  readonly limits: Partial<Limits>;
  readonly maxLifeMs: number;
}

/** What a human can give to a call that is denied without it. */
export interface ApprovalKind {
  readonly id: string;
  readonly title: string;
  /** How long a request for it waits; then it is rejected. */
  readonly lifeMs: number;
  /** The human who started the workflow may give it. */
  readonly selfApproval: boolean;
}

/** From a signal to what stops it, at machine speed. Rule id `containment:<id>`. */
export interface ContainmentRule {
  readonly id: string;
  readonly signal: SignalCode;
  /** So many of them in one workflow within `withinMs` … */
  readonly count: number;
  readonly withinMs: number;
  /** … and the workflow is locked, what the signal's evidence names is, or only reads go on. */
  readonly then: "lock_workflow" | "lock_subject" | "read_only";
}

/** Ceilings of one workflow, fixed when it opens. */
export interface Limits {
  readonly calls: number;
  /** Micro-units. */
  readonly cost: number;
  /** Sum of the time calls took, in milliseconds. */
  readonly runtimeMs: number;
  /** Of models, as agents report them, and of results, as they are metered. Absent: not limited. */
  readonly tokens?: number;
  /** Calls of single tools. */
  readonly tools?: { readonly [tool: string]: number };
}

/** The part of one immutable bundle that deciding needs. */
export interface BundleView {
  /** The policy version: SHA-256, hex, of the canonical bundle. */
  readonly digest: string;
  tool(id: string): Tool | undefined;
  readonly toolIds: readonly string[];
  /** Ids of all of them. */
  readonly agents: readonly string[];
  readonly trust: readonly TrustEdge[];
  readonly delegations: readonly DelegationEdge[];
  /** In the order of the bundle: the first that can be spared is not asked for. At most 8. */
  readonly approvalKinds: readonly ApprovalKind[];
  readonly containment: readonly ContainmentRule[];
}
