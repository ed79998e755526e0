import type { CallAdmitted, CallRefused } from "../core/model/event.ts";
import type { Outcome } from "../core/model/outcome.ts";
import { hasEffect } from "../core/model/policy.ts";
import { callLocks } from "../core/session/locks.ts";
import type { WorkflowState } from "../core/session/state.ts";
import { refusalOutcome } from "./outcomes.ts";
import type { Gateway } from "./ports.ts";

/** An effect that was made stays made, and an agent that is not told would make it again. */
const RESULT_WITHHELD = "The call took effect. Its answer is withheld.";

/**
 * P4: a lock withholds what a call gave, also when it came while the call's end was being recorded,
 * and when the agent asks for that end again. What has no value in it is told all the same.
 * `connector`: the one that gave it, where the call moved.
 */
export function unlessLocked(
  gateway: Pick<Gateway, "locks">,
  state: WorkflowState,
  call: CallAdmitted | CallRefused,
  outcome: Outcome,
  connector?: string,
): Outcome {
  const valued = "result" in outcome || outcome.outcome === "human_approval_required";
  if (!valued) return outcome;
  const ruleIds = callLocks(
    gateway.locks.now(state.tenant),
    state,
    call.seat,
    subjectOf(call, connector),
  );
  if (ruleIds.length === 0) return outcome;
  if ("result" in outcome && call.type === "call.admitted" && hasEffect(call.action)) {
    const result = { kind: "text", contentType: "text/plain", text: RESULT_WITHHELD } as const;
    return { outcome: "ok", call: call.call, result };
  }
  const denied = { kind: "denied", code: "locked", policyClass: null, ruleIds } as const;
  return refusalOutcome(call.call, call.policyVersion, denied);
}

function subjectOf(
  call: CallAdmitted | CallRefused,
  moved: string | undefined,
): Parameters<typeof callLocks>[3] {
  const { tool, policyVersion: bundle } = call;
  if (call.type === "call.refused") return { bundle, ...(tool !== null && { tool }) };
  const { destination, connector } = call;
  return {
    bundle,
    tool: call.tool,
    definition: call.definition,
    destination,
    connector: moved ?? connector,
  };
}
