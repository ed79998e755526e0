import { canonical, type JsonObject } from "../core/model/json.ts";
import type { ApprovalRequired } from "../core/model/outcome.ts";
import type { Approval, WorkflowState } from "../core/session/state.ts";
import type { Bundle, Gateway, ShownChange } from "./ports.ts";

/** Characters of the target in a summary: a human reads it on one screen. */
const MAX_TARGET_CHARS = 400;
const UNBOUND =
  "Its service has no entity tag: the change may meet a newer state than the one that is shown.";
const WITHHELD = "a target that is not shown";

/** A request for approval as its agent gets it. */
export function approvalOutcome(
  gateway: Gateway,
  state: WorkflowState,
  id: string,
  bundle: Bundle,
  args: JsonObject | null,
  shown: ShownChange | null = null,
): ApprovalRequired {
  const request = state.approvals.find((one) => one.id === id);
  // Asked for in the decision just before: the state that it left holds it.
  if (request === undefined) throw new Error("an approval is missing from its own workflow");
  return {
    outcome: "human_approval_required",
    call: request.call,
    approval: {
      id,
      url: gateway.links.approval(state.tenant, id),
      expiresAt: new Date(request.expiresAt).toISOString(),
      kinds: request.kinds,
      summary: summaryOf(bundle, request, args),
      ...(shown !== null && { proposedDiff: shown.change }),
      ...(shown !== null && shown.hidden.length > 0 && { hidden: shown.hidden }),
      digest: request.digest,
    },
  };
}

/**
 * Tool, target, kinds, rules and what else would be disclosed, in words. `args` null: not for who reads
 * it, or no longer kept.
 */
export function summaryOf(bundle: Bundle, request: Approval, args: JsonObject | null): string {
  const runtime = bundle.tool(request.tool);
  const target = args === null ? WITHHELD : (runtime?.target(args) ?? canonical(args));
  const shownTarget =
    target.length <= MAX_TARGET_CHARS ? target : `${target.slice(0, MAX_TARGET_CHARS)}…`;
  const kinds = request.kinds.map((id) => {
    const kind = bundle.view.approvalKinds.find((one) => one.id === id);
    return kind === undefined ? id : `${kind.title} (${id})`;
  });
  const parts = [
    `${runtime?.title ?? request.tool} (${request.tool}) on ${shownTarget}.`,
    `Needs: ${kinds.join(", ")}.`,
    `Rules: ${request.ruleIds.join(", ")}.`,
  ];
  if (request.discloses.length > 0) {
    parts.push(`Would also disclose to the agent: ${request.discloses.join(", ")}.`);
  }
  if (request.preview === null) parts.push("This tool has no preview.");
  else if (runtime?.preview?.bound !== true) parts.push(UNBOUND);
  return parts.join(" ");
}
