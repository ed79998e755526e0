/** One call of the agent, as it reports it: a line of JSON on standard output. */
export interface Step {
  readonly title: string;
  readonly tool: string;
  /** As the agent felt it, in milliseconds. */
  readonly ms: number;
  readonly outcome: Outcome;
  /** Structured content, where the outcome came with a result. */
  readonly result: unknown;
}

/**
 * The part of Postern's outcome object that this agent acts on. An agent imports nothing of
 * Postern: everything it needs stands in `_meta` of each tool result.
 */
export interface Outcome {
  readonly outcome:
    | "ok"
    | "partial_result"
    | "human_approval_required"
    | "policy_denied"
    | "failed"
    | "outcome_unknown";
  readonly call: string;
  readonly reason?: {
    readonly code: string;
    readonly policyClass?: string;
    readonly ruleIds?: readonly string[];
  };
  readonly redactions?: readonly {
    readonly path: string;
    readonly dataClass: string;
    readonly ruleIds: readonly string[];
  }[];
  readonly dropped?: number;
  readonly approval?: {
    readonly id: string;
    readonly proposedDiff?: readonly {
      readonly op: string;
      readonly path: string;
      readonly value?: unknown;
    }[];
  };
}

export const OUTCOME_META_KEY = "dev.postern/outcome";
