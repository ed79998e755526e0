import type { Limits } from "../model/bundle.ts";
import type { Action } from "../model/policy.ts";

/** What a workflow is, folded from its events. Small on purpose: finished calls leave only sums. */
export interface WorkflowState {
  readonly status: "new" | "open" | "closed";
  readonly tenant: string;
  readonly workflow: string;
  readonly human: string;
  readonly agent: string;
  readonly purpose: string;
  readonly trust: string;
  readonly limits: Limits;
  readonly expiresAt: number;
  readonly keyDigest: string;
  readonly seats: { readonly [id: string]: Seat };
  readonly used: Usage;
  readonly labels: readonly string[];
  /** Write domains claimed, with the number of calls that hold each claim. */
  readonly writeDomains: { readonly [domain: string]: number };
  /** Between admission and settlement, oldest first. An array: far cheaper to copy than a Map. */
  readonly inFlight: readonly InFlight[];
  /** Mutations nobody knows the end of. */
  readonly unknown: readonly InFlight[];
  readonly refusals: { readonly since: number; readonly count: number };
  /** Sequence number of the next event. */
  readonly next: number;
}

export interface Seat {
  readonly id: string;
  readonly agent: string;
  readonly jkt: string;
  readonly parent: string | null;
  readonly depth: number;
  readonly tools: readonly string[];
  readonly expiresAt: number;
}

/** Settled and reserved together: what a new call is measured against. */
export interface Usage {
  readonly calls: number;
  readonly cost: number;
  readonly runtimeMs: number;
}

export interface InFlight {
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  readonly tool: string;
  readonly action: Action;
  readonly destination: string;
  readonly connector: string;
  readonly session: string;
  readonly writeDomain: string | null;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly policyVersion: string;
}

export function findCall(calls: readonly InFlight[], call: string): InFlight | undefined {
  return calls.find((one) => one.call === call);
}

export const NEW_WORKFLOW: WorkflowState = {
  status: "new",
  tenant: "",
  workflow: "",
  human: "",
  agent: "",
  purpose: "",
  trust: "",
  limits: { calls: 0, cost: 0, runtimeMs: 0 },
  expiresAt: 0,
  keyDigest: "",
  seats: {},
  used: { calls: 0, cost: 0, runtimeMs: 0 },
  labels: [],
  writeDomains: {},
  inFlight: [],
  unknown: [],
  refusals: { since: 0, count: 0 },
  next: 0,
};
