import type { ApprovalCode, Redaction } from "../core/model/outcome.ts";
import type { Change } from "../core/model/change.ts";
import type { CallCommand } from "../core/model/command.ts";
import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import { humanPlan, permission } from "../core/session/approval.ts";
import { lockRules } from "../core/session/locks.ts";
import {
  type Approval,
  findSeat,
  NOTHING_USED,
  type WorkflowState,
} from "../core/session/state.ts";
import { summaryOf } from "./approval-outcome.ts";
import { keptObservation } from "./observation.ts";
import type { Bundle, Gateway, Session } from "./ports.ts";
import { found, submitted } from "./record.ts";

/** A human who was verified by identity. */
export interface Decider {
  /** Tenant-keyed pseudonym. */
  readonly human: string;
  readonly groups: readonly string[];
}

/** Without a value. */
export interface ApprovalLine {
  readonly id: string;
  readonly workflow: string;
  readonly agent: string;
  readonly purpose: string;
  readonly tool: string;
  readonly kinds: readonly string[];
  readonly given: readonly string[];
  readonly expiresAt: string;
}

export interface ApprovalView extends ApprovalLine {
  readonly status: Approval["status"] | "expired";
  readonly title: string;
  /** Pseudonym of who started the workflow. */
  readonly startedBy: string;
  readonly digest: string;
  readonly summary: string;
  readonly ruleIds: readonly string[];
  /** Data classes that the agent would be shown beyond now. */
  readonly discloses: readonly string[];
  /** Absent: this human may not see all of the change, or they are no longer kept. */
  readonly arguments?: Json;
  /** RFC 6902, as far as this human may see it; absent: the tool has no preview. */
  readonly proposedDiff?: Change;
  readonly hidden?: readonly Redaction[];
  /** Who decided what before. */
  readonly decided: readonly { readonly kind: string; readonly human: string }[];
  /** What the same workflow asked for before, the last first: many small steps are one large one. */
  readonly earlier: readonly EarlierRequest[];
}

export interface EarlierRequest {
  readonly id: string;
  readonly tool: string;
  /** On the same target with the same tool. */
  readonly again: boolean;
  readonly status: ApprovalView["status"];
  readonly kinds: readonly string[];
}

/** Of one view; a workflow may ask a few hundred times. */
const MAX_EARLIER = 20;

/** Requests that wait for this human, of workflows that live. */
export async function listApprovals(
  gateway: Gateway,
  tenant: string,
  viewer: Decider,
): Promise<readonly ApprovalLine[]> {
  const lines: ApprovalLine[] = [];
  const bundle = gateway.bundles.active(tenant);
  if (bundle === null) return lines;
  for (const { id, workflow } of gateway.approvals.pending(tenant, gateway.system.now())) {
    const session = await found(gateway, { tenant, workflow });
    const request = session?.state.approvals.find((one) => one.id === id);
    if (session === null || request?.status !== "pending") continue;
    if (session.state.status !== "open") continue;
    if (!mayLook(gateway, bundle, session.state, request, viewer)) continue;
    lines.push(lineOf(session.state, request));
  }
  return lines;
}

/**
 * Null: unknown, another tenant's, or nothing that this human has a part in; they look the same. What
 * is shown is what this very human may see.
 */
export async function showApproval(
  gateway: Gateway,
  tenant: string,
  id: string,
  viewer: Decider,
): Promise<ApprovalView | null> {
  const at = await locate(gateway, tenant, id);
  const bundle = gateway.bundles.active(tenant);
  if (at === null || bundle === null) return null;
  const { session, request } = at;
  const { state } = session;
  if (!mayLook(gateway, bundle, state, request, viewer)) return null;
  const runtime = bundle.tool(request.tool);
  const observation = await keptObservation(session, request.call);
  const plan = planOf(bundle, state, request, viewer);
  // The new values of a change stand in the arguments: whoever may not see one there sees none here.
  const whole = plan !== null && request.classes.every((one) => plan[one]?.allow === true);
  const kept = whole
    ? (observation?.arguments ?? (await argumentsOf(session, request.call)))
    : null;
  const shown =
    observation === null || plan === null || !runtime?.preview
      ? null
      : runtime.preview.show(observation, plan);
  const now = gateway.system.now();
  return {
    ...lineOf(state, request),
    status: statusOf(request, now),
    title: runtime?.title ?? request.tool,
    startedBy: state.human,
    digest: request.digest,
    summary: summaryOf(bundle, request, kept),
    ruleIds: request.ruleIds,
    discloses: request.discloses,
    ...(kept !== null && { arguments: kept }),
    ...(shown !== null && { proposedDiff: shown.change, hidden: shown.hidden }),
    decided: request.given.map(({ kind, human }) => ({ kind, human })),
    earlier: earlierThan(state, request, now),
  };
}

/** Whoever may give one of its kinds, and who started the workflow; nobody who is locked. */
function mayLook(
  gateway: Gateway,
  bundle: Bundle,
  state: WorkflowState,
  request: Approval,
  viewer: Decider,
): boolean {
  const { human } = viewer;
  const locks = gateway.locks.now(state.tenant);
  if (locks === null || lockRules(locks, { tenant: state.tenant, human }).length > 0) return false;
  if (human === state.human) return true;
  const tool = bundle.view.tool(request.tool);
  const seat = findSeat(state, request.seat);
  if (tool === undefined || seat === undefined) return false;
  const about = { agent: seat.agent, tool };
  return request.kinds.some(
    (kind) => permission(bundle.evaluator, state, about, { ...viewer, kind })?.allow === true,
  );
}

/** What `disclose` says to this human of all that the request may show; null: nobody can tell. */
function planOf(
  bundle: Bundle,
  state: WorkflowState,
  request: Approval,
  { human, groups }: Decider,
): ReturnType<typeof humanPlan> {
  const tool = bundle.view.tool(request.tool);
  const seat = findSeat(state, request.seat);
  if (tool === undefined || seat === undefined) return null;
  // Of the bundle under which it was asked, too: a class may have gone from the tool since.
  const classes = [...new Set([...(tool.preview ?? []), ...request.classes])];
  return humanPlan(bundle, human, groups, classes, {
    ...{ state, seat, tool, after: NOTHING_USED },
    ...{ policyArguments: {}, sources: {} },
  });
}

function statusOf(request: Approval, now: number): ApprovalView["status"] {
  return request.status === "pending" && now >= request.expiresAt ? "expired" : request.status;
}

function earlierThan(
  state: WorkflowState,
  request: Approval,
  now: number,
): readonly EarlierRequest[] {
  const before = state.approvals.slice(0, state.approvals.indexOf(request));
  return before
    .slice(-MAX_EARLIER)
    .reverse()
    .map((one) => ({
      id: one.id,
      tool: one.tool,
      again: one.tool === request.tool && one.target === request.target,
      status: statusOf(one, now),
      kinds: one.kinds,
    }));
}

export type Decided =
  | { readonly kind: "decided"; readonly complete: boolean }
  | { readonly kind: "refused"; readonly code: ApprovalCode; readonly ruleIds: readonly string[] }
  | { readonly kind: "unavailable" };

/** One kind, given or refused, by a human who signed in for exactly this. */
export async function decideApproval(
  gateway: Gateway,
  tenant: string,
  id: string,
  decider: Decider,
  decision: {
    readonly kind: string;
    readonly verdict: "approve" | "reject";
    readonly digest: string;
  },
): Promise<Decided> {
  const at = await locate(gateway, tenant, id);
  if (at === null) return { kind: "refused", code: "approval_unknown", ruleIds: [] };
  const committed = await submitted(at.session, {
    type: "decideApproval",
    approval: id,
    ...decision,
    ...decider,
  });
  if (committed === null) return { kind: "unavailable" };
  const { result } = committed;
  if (result.kind === "decided") return { kind: "decided", complete: result.complete };
  if (result.kind !== "undecided") return { kind: "unavailable" };
  return { kind: "refused", code: result.code, ruleIds: result.ruleIds };
}

async function locate(
  gateway: Gateway,
  tenant: string,
  id: string,
): Promise<{ readonly session: Session; readonly request: Approval } | null> {
  const workflow = gateway.approvals.workflowOf(tenant, id);
  const session = workflow === null ? null : await found(gateway, { tenant, workflow });
  const request = session?.state.approvals.find((one) => one.id === id);
  return session === null || request === undefined ? null : { session, request };
}

function lineOf(state: WorkflowState, request: Approval): ApprovalLine {
  return {
    id: request.id,
    workflow: state.workflow,
    agent: findSeat(state, request.seat)?.agent ?? state.agent,
    purpose: state.purpose,
    tool: request.tool,
    kinds: request.kinds,
    given: request.given.map((one) => one.kind),
    expiresAt: new Date(request.expiresAt).toISOString(),
  };
}

/** Of a call without a preview: from the sealed input of its decision. */
async function argumentsOf(session: Session, call: string): Promise<JsonObject | null> {
  const input = await session.input(call);
  const args = (input as { readonly command?: CallCommand } | null)?.command?.arguments;
  return isObject(args) ? args : null;
}
