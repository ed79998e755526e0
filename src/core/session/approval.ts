import type { DecideApprovalCommand } from "../model/command.ts";
import type { ApprovalAsked, ApprovalNeed } from "../model/event.ts";
import { canonical } from "../model/json.ts";
import type { ApprovalCode } from "../model/outcome.ts";
import type { Evaluator } from "../model/policy.ts";
import type { Tool } from "../model/bundle.ts";
import { type Decision, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { contextOf, verdict, type Case } from "./judge.ts";
import { MAX_APPROVALS, MAX_OPEN_APPROVALS } from "./limits.ts";
import { lockRules } from "./locks.ts";
import { type Approval, chainOfId, findSeat, NOTHING_USED, type WorkflowState } from "./state.ts";

/** Rule id of a decision that the engine gave no answer to. */
export const APPROVAL_TRAP = "core:approval.trap";

/** What a request is about: two calls with the same subject share one request. */
export interface Subject {
  readonly seat: string;
  readonly tool: string;
  readonly definition: string;
  readonly operation: string;
  readonly target: string;
  readonly idempotency: string | null;
}

/** P5: everything that matters, in one digest. What a human signs in for, and what is run. */
export function approvalDigest(
  hash: (text: string) => string,
  state: WorkflowState,
  policyVersion: string,
  subject: Subject,
  asked: Pick<ApprovalAsked, "id" | "kinds" | "expiresAt" | "preview" | "plan">,
): string {
  const { seat, tool, definition, operation, idempotency } = subject;
  const { id, kinds, expiresAt, preview, plan } = asked;
  return hash(
    canonical({
      postern: "approval/1",
      tenant: state.tenant,
      workflow: state.workflow,
      approval: id,
      seat,
      tool,
      definition,
      operation,
      idempotency,
      preview,
      plan,
      policyVersion,
      kinds,
      expiresAt,
    }),
  );
}

/** The request, whole. It waits as long as its most impatient kind, never beyond the workflow. */
export function ask(
  state: WorkflowState,
  facts: Facts,
  policyVersion: string,
  subject: Subject,
  need: ApprovalNeed & { readonly id: string },
  preview: { readonly digest: string; readonly classes: readonly string[] } | null,
): ApprovalAsked {
  const lives = facts.bundle.approvalKinds
    .filter((kind) => need.kinds.includes(kind.id))
    .map((kind) => kind.lifeMs);
  const { id, kinds, ruleIds, discloses, plan } = need;
  const asked = {
    id,
    kinds,
    ruleIds,
    discloses,
    plan,
    preview: preview?.digest ?? null,
    classes: preview?.classes ?? [],
    expiresAt: Math.min(state.expiresAt, facts.now + Math.min(...lives)),
  };
  return { ...asked, digest: approvalDigest(facts.hash, state, policyVersion, subject, asked) };
}

/** Room for one more request: humans have to read each. */
export function mayAsk(state: WorkflowState, now: number): boolean {
  const open = state.approvals.filter((one) => one.status === "pending" && now < one.expiresAt);
  // Each preview in flight will become one.
  const coming = state.inFlight.filter((call) => call.need !== null).length;
  return (
    open.length + coming < MAX_OPEN_APPROVALS && state.approvals.length + coming < MAX_APPROVALS
  );
}

/** The request of exactly this call, under these rules; expired ones are none. */
export function findApproval(
  state: WorkflowState,
  subject: Subject,
  policyVersion: string,
  now: number,
): Approval | undefined {
  return state.approvals.findLast(
    (one) =>
      one.status !== "stale" &&
      one.status !== "rejected" &&
      now < one.expiresAt &&
      one.policyVersion === policyVersion &&
      one.seat === subject.seat &&
      one.tool === subject.tool &&
      one.definition === subject.definition &&
      one.operation === subject.operation &&
      one.idempotency === subject.idempotency,
  );
}

/** A human said no to this tool on this target, or nobody said anything in time. */
export function findRejection(
  state: WorkflowState,
  tool: string,
  target: string,
  now: number,
): Approval | undefined {
  return state.approvals.find(
    (one) =>
      one.tool === tool &&
      one.target === target &&
      (one.status === "rejected" || (one.status === "pending" && now >= one.expiresAt)),
  );
}

/** One human gives or refuses one kind. Whoever may not is recorded, too. */
export function decideApproval(
  state: WorkflowState,
  command: DecideApprovalCommand,
  facts: Facts,
  input: string,
): Decision {
  if (state.status === "new") return IGNORED;
  const approval = state.approvals.find((one) => one.id === command.approval);
  if (approval === undefined) return undecided("approval_unknown", []);
  const refusal = refusalOf(state, approval, command, facts);
  const { human, kind, verdict: given } = command;
  const policyVersion = facts.bundle.digest;
  const chain = chainOfId(state, approval.seat);
  if ("code" in refusal) {
    const { code, ruleIds } = refusal;
    return {
      events: [
        {
          type: "approval.refused",
          approval: approval.id,
          chain,
          // An invented kind is text of the sender: it stays in the sealed input (P10).
          kind: approval.kinds.includes(kind) ? kind : "",
          human,
          code,
          policyVersion,
          ruleIds,
          input,
        },
      ],
      result: { kind: "undecided", code, ruleIds },
    };
  }
  const complete = given === "approve" && approval.given.length + 1 === approval.kinds.length;
  return {
    events: [
      {
        type: "approval.decided",
        approval: approval.id,
        chain,
        kind,
        verdict: given,
        human,
        policyVersion,
        ruleIds: refusal.ruleIds,
        complete,
        lockEpoch: facts.locks?.epoch ?? 0,
        input,
      },
    ],
    result: { kind: "decided", complete },
  };
}

function undecided(code: ApprovalCode, ruleIds: readonly string[]): Decision {
  return { events: [], result: { kind: "undecided", code, ruleIds } };
}

interface Permitted {
  readonly ruleIds: readonly string[];
}
type Refused = Permitted & { readonly code: ApprovalCode };

function refusalOf(
  state: WorkflowState,
  approval: Approval,
  command: DecideApprovalCommand,
  facts: Facts,
): Permitted | Refused {
  const refused = (code: ApprovalCode, ruleIds: readonly string[] = []): Refused => ({
    code,
    ruleIds,
  });
  if (state.status === "closed" || facts.now >= state.expiresAt) return refused("workflow_over");
  if (approval.status !== "pending") return refused("approval_over");
  if (facts.now >= approval.expiresAt) return refused("approval_expired");
  // Under other rules another question would have been asked.
  if (command.digest !== approval.digest || approval.policyVersion !== facts.bundle.digest) {
    return refused("digest_mismatch");
  }
  if (!approval.kinds.includes(command.kind)) return refused("kind_unknown");
  if (approval.given.some((one) => one.kind === command.kind)) return refused("kind_given");
  if (approval.given.some((one) => one.human === command.human)) return refused("two_kinds");
  const kind = facts.bundle.approvalKinds.find((one) => one.id === command.kind);
  const tool = facts.bundle.tool(approval.tool);
  const seat = findSeat(state, approval.seat);
  if (kind === undefined || tool === undefined || seat === undefined) {
    return refused("digest_mismatch");
  }
  // A human whose session was revoked at the identity provider is locked, and approves nothing.
  const locked =
    facts.locks === null
      ? ["core:locks"]
      : lockRules(facts.locks, {
          tenant: state.tenant,
          workflow: state.workflow,
          human: command.human,
        });
  if (locked.length > 0) return refused("not_permitted", locked);
  if (command.human === state.human && !kind.selfApproval) {
    return refused("self_approval", ["core:approval.requester"]);
  }

  const asked = permission(facts.evaluator, state, { agent: seat.agent, tool }, command);
  if (asked === null || !asked.allow) {
    return refused("not_permitted", asked?.ruleIds ?? [APPROVAL_TRAP]);
  }
  if (command.verdict === "reject") return asked;
  const hidden = hiddenFrom(approval, command, facts, {
    state,
    seat,
    tool,
    after: NOTHING_USED,
    policyArguments: {},
    sources: {},
    evaluator: facts.evaluator,
  });
  return hidden.length > 0 ? refused("may_not_see", hidden) : asked;
}

/** May this human give this kind? The rules that say so; null: the engine gave no answer. */
export function permission(
  evaluator: Evaluator,
  state: WorkflowState,
  { agent, tool }: { readonly agent: string; readonly tool: Tool },
  { human, groups, kind }: Pick<DecideApprovalCommand, "human" | "groups" | "kind">,
): { readonly allow: boolean; readonly ruleIds: readonly string[] } | null {
  try {
    const answer = evaluator.authorize({
      action: "approve",
      principal: human,
      resource: { type: "ApprovalKind", id: kind },
      context: {
        groups,
        requester: human === state.human,
        agent,
        purpose: state.purpose,
        tool: tool.id,
        action: tool.action,
        tier: tool.tier,
      },
    });
    return verdict("authority", answer);
  } catch {
    return null;
  }
}

/** Rule ids that keep a changed value from this human; nobody approves what they were not shown. */
function hiddenFrom(
  approval: Approval,
  { human, groups }: DecideApprovalCommand,
  facts: Facts,
  one: Case,
): readonly string[] {
  const plan = humanPlan(facts, human, groups, approval.classes, one);
  if (plan === null) return [APPROVAL_TRAP];
  return [
    ...new Set(
      Object.values(plan)
        .filter(({ allow }) => !allow)
        .flatMap(({ ruleIds }) => ruleIds),
    ),
  ].sort();
}

/** What `disclose` says of these classes to a human; null: the engine gave no answer. */
export function humanPlan(
  facts: Pick<Facts, "evaluator">,
  human: string,
  groups: readonly string[],
  classes: readonly string[],
  one: Omit<Case, "evaluator">,
): { readonly [dataClass: string]: { allow: boolean; ruleIds: readonly string[] } } | null {
  const context = { ...contextOf(one), groups };
  try {
    return Object.fromEntries(
      classes.map((id) => {
        const answer = facts.evaluator.evaluate({
          policyClass: "data",
          action: "disclose",
          principal: human,
          human: true,
          resource: { type: "DataClass", id },
          context,
        });
        const { allow, ruleIds } = verdict("data", answer);
        return [id, { allow, ruleIds }];
      }),
    );
  } catch {
    return null;
  }
}

/** Still what was approved? Nothing that the digest binds may have moved. */
export function stillHolds(
  facts: Facts,
  state: WorkflowState,
  approval: Approval,
  subject: Subject,
  plan: string,
): boolean {
  const digest = facts.bundle.digest;
  return (
    approvalDigest(facts.hash, state, digest, subject, { ...approval, plan }) === approval.digest
  );
}
