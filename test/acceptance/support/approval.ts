import type { Outcome } from "./workflow.ts";

/** A request for approval, as its agent was shown it. */
export interface Asked {
  readonly id: string;
  readonly digest: string;
  readonly url: string;
  readonly kinds: readonly string[];
  readonly summary: string;
  readonly proposedDiff?: readonly { readonly op: string; readonly path: string }[];
  readonly hidden?: readonly { readonly path: string; readonly dataClass: string }[];
}

export function approvalOf(outcome: Outcome): Asked {
  const { approval } = outcome as unknown as { readonly approval?: Asked };
  if (approval === undefined) throw new Error(`nobody is asked: ${JSON.stringify(outcome)}`);
  return approval;
}
