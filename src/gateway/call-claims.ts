import {
  type ActClaim,
  type CallTokenClaims,
  presenterOf,
  READ_TOKEN_LIFE_S,
  toolScope,
  WRITE_TOKEN_LIFE_S,
} from "../core/model/claims.ts";
import type { CallAdmitted, WorkflowEvent } from "../core/model/event.ts";
import { hasEffect } from "../core/model/policy.ts";

export type UndatedClaims = Omit<CallTokenClaims, "iss" | "aud" | "iat" | "exp">;

/**
 * The signed tuple of one admitted call, made of its admission event alone: what the token says can
 * be told from the record later, without keeping the token.
 */
export function callClaims(
  workflow: { readonly tenant: string; readonly human: string },
  admission: CallAdmitted & Pick<WorkflowEvent, "workflow">,
  record: string,
  operation: string,
): { readonly claims: UndatedClaims; readonly lifeSeconds: number } {
  return {
    claims: {
      txn: admission.txn,
      sub: workflow.human,
      act: actOf(admission.agent, admission.chain.slice(1)),
      scope: toolScope(admission.tool),
      req_wl: presenterOf(admission.connector, admission.session),
      tctx: {
        tenant: workflow.tenant,
        workflow: admission.workflow,
        call: admission.call,
        network: admission.network,
        tier: admission.tier,
        policy_version: admission.policyVersion,
        mode: admission.mode,
        operation,
        preview: admission.preview,
        record,
        lock_epoch: admission.lockEpoch,
      },
    },
    lifeSeconds: hasEffect(admission.action) ? WRITE_TOKEN_LIFE_S : READ_TOKEN_LIFE_S,
  };
}

/** RFC 8693 §4.1: the caller, and nested behind it who delegated to it. */
function actOf(agent: string, behind: readonly string[]): ActClaim {
  const act: ActClaim = { sub: agent, sub_profile: "ai_agent" };
  const [giver, ...others] = behind;
  return giver === undefined ? act : { ...act, act: actOf(giver, others) };
}
