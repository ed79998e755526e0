import type { Limits } from "../model/bundle.ts";
import type { ApprovalNeed } from "../model/event.ts";
import type { Action } from "../model/policy.ts";
import type { SignalCode } from "../model/signal.ts";
import type { Window } from "./window.ts";

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
  /** The first is the root agent's; the others hang below their parents. */
  readonly seats: { readonly [id: string]: Seat };
  readonly used: Usage;
  readonly labels: readonly string[];
  readonly writeDomains: { readonly [domain: string]: Claim };
  /** Between admission and settlement, oldest first. An array: far cheaper to copy than a Map. */
  readonly inFlight: readonly InFlight[];
  /** Mutations nobody knows the end of. */
  readonly unknown: readonly InFlight[];
  readonly approvals: readonly Approval[];
  /** Idempotency keys that were admitted, by tool and keyed digest. */
  readonly keys: { readonly [key: string]: KeyedCall };
  readonly refusals: Refusals;
  /** Of the present window. */
  readonly previews: Window;
  readonly signals: readonly { readonly signal: SignalCode; readonly at: number }[];
  /** After something suspicious: no more effects. */
  readonly readOnly: boolean;
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
  readonly limits: Limits;
  readonly used: Usage;
  readonly expiresAt: number;
  /** The epoch of locks under which it was given: what was locked since revokes it. */
  readonly lockEpoch: number;
  /** The call whose token was exchanged for it; null: it stands by itself. */
  readonly call: string | null;
}

/** Settled and reserved together: what a new call is measured against. */
export interface Usage {
  readonly calls: number;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
  /** Calls of each tool. */
  readonly tools: { readonly [tool: string]: number };
}

export interface Claim {
  /** Calls that hold it. */
  readonly calls: number;
  /** The call that was the first. */
  readonly first: string;
  readonly critical: boolean;
}

export interface InFlight {
  readonly call: string;
  readonly seat: string;
  readonly agent: string;
  readonly chain: readonly string[];
  readonly tool: string;
  readonly definition: string;
  readonly action: Action;
  readonly mode: "preview" | "execute";
  readonly destination: string;
  readonly connector: string;
  readonly session: string;
  readonly writeDomain: string | null;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
  readonly operation: string | null;
  readonly target: string | null;
  readonly idempotency: string | null;
  readonly approval: string | null;
  readonly need: (ApprovalNeed & { readonly id: string }) | null;
  readonly policyVersion: string;
  /** Gateway clock. */
  readonly admittedAt: number;
  /** How often it was sent again. */
  readonly resent: number;
  /** Its agent took it back: whatever became of it, it is not sent again. */
  readonly cancelled: boolean;
}

export interface Approval extends ApprovalNeed {
  readonly id: string;
  readonly status: "pending" | "approved" | "rejected" | "used" | "stale";
  /** The call that asked. */
  readonly call: string;
  readonly seat: string;
  readonly tool: string;
  readonly definition: string;
  readonly operation: string;
  readonly target: string;
  readonly idempotency: string | null;
  readonly policyVersion: string;
  readonly preview: string | null;
  readonly classes: readonly string[];
  readonly digest: string;
  readonly expiresAt: number;
  readonly given: readonly Given[];
  /** The call that carries it out. */
  readonly usedBy: string | null;
}

/** One kind, given by one human. */
export interface Given {
  readonly kind: string;
  readonly human: string;
  /** The epoch of locks under which it was given. */
  readonly lockEpoch: number;
}

export interface KeyedCall {
  readonly call: string;
  readonly seat: string;
  readonly operation: string | null;
}

/** Refused calls and seats of the present window: of the workflow, and of each seat by itself. */
export interface Refusals extends Counted {
  readonly since: number;
  /** By who was refused; the empty id stands for whoever has no seat. */
  readonly seats: { readonly [seat: string]: Counted };
}

export interface Counted {
  readonly count: number;
  /** Of those, by a rule. */
  readonly denials: number;
  /** Of those, for a ceiling that is reached. */
  readonly exhausted: number;
}

export function findCall(calls: readonly InFlight[], call: string): InFlight | undefined {
  return calls.find((one) => one.call === call);
}

export function findSeat(state: WorkflowState, id: string): Seat | undefined {
  return Object.hasOwn(state.seats, id) ? state.seats[id] : undefined;
}

/** From this seat to the root's: whom a call is charged to, and who stands behind it. */
export function lineOf(state: WorkflowState, seat: Seat): readonly Seat[] {
  const line = [seat];
  for (let at = seat.parent; at !== null;) {
    const above = findSeat(state, at);
    if (above === undefined) break;
    line.push(above);
    at = above.parent;
  }
  return line;
}

/**
 * A seat lives as long as everybody behind it. One that a tool took for a call has that call's
 * authority, and ends with it: a tool that was answered has no more to do in the workflow.
 */
export function lineLives(state: WorkflowState, line: readonly Seat[], now: number): boolean {
  return line.every(
    ({ expiresAt, call }) =>
      now < expiresAt && (call === null || findCall(state.inFlight, call) !== undefined),
  );
}

export function chainOf(state: WorkflowState, seat: Seat): readonly string[] {
  return lineOf(state, seat).map((one) => one.agent);
}

/** The same by id; empty without such a seat. */
export function chainOfId(state: WorkflowState, id: string | null): readonly string[] {
  const seat = id === null ? undefined : findSeat(state, id);
  return seat === undefined ? [] : chainOf(state, seat);
}

export const NOTHING_USED: Usage = { calls: 0, cost: 0, runtimeMs: 0, tokens: 0, tools: {} };

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
  used: NOTHING_USED,
  labels: [],
  writeDomains: {},
  inFlight: [],
  unknown: [],
  approvals: [],
  keys: {},
  refusals: { since: 0, count: 0, denials: 0, exhausted: 0, seats: {} },
  previews: { since: 0, count: 0 },
  signals: [],
  readOnly: false,
  next: 0,
};
