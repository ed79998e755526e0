import type { Presenter } from "../core/model/command.ts";
import type { CallAdmitted, WorkflowEvent } from "../core/model/event.ts";
import type { JsonObject } from "../core/model/json.ts";
import {
  operationDigest,
  previewDigest,
  type PreviewSeal,
  type Request,
} from "../core/model/operation.ts";
import { hasEffect } from "../core/model/policy.ts";
import { callClaims } from "./call-claims.ts";
import { keptObservation, sealOf } from "./observation.ts";
import type { Gateway, Observation, OutboundAnswer, Session, ToolRuntime } from "./ports.ts";

/** The request that carries out a call, the same whenever it is made: under the call's own key. */
export function executionOf(
  { call, plan }: CallAdmitted,
  runtime: ToolRuntime,
  args: JsonObject,
  tenant: string,
  seal: PreviewSeal | null,
): Request {
  return {
    ...runtime.request(args, plan, tenant),
    ...(runtime.sendsIdempotencyKey && { idempotencyKey: call }),
    ...(seal && { preview: seal }),
  };
}

/** What humans approved, from where it was sealed; null: nothing had to be, or there was no preview. */
export async function approvedChange(
  gateway: Gateway,
  session: Session,
  { approval, preview: digest }: CallAdmitted,
): Promise<{ readonly seal: PreviewSeal; readonly observation: Observation } | null | "gone"> {
  if (approval === null || digest === null) return null;
  const request = session.state.approvals.find((one) => one.id === approval);
  const observation = request === undefined ? null : await keptObservation(session, request.call);
  if (observation === null) return "gone";
  const { change, etag, salt } = observation;
  if (salt === null) return "gone";
  const seal = sealOf(gateway, change, etag, salt);
  return previewDigest(gateway.system.sha256, seal) === digest ? { seal, observation } : "gone";
}

export interface Leaving {
  readonly event: CallAdmitted & Pick<WorkflowEvent, "workflow">;
  readonly record: string;
  readonly runtime: ToolRuntime;
  readonly presenter: Presenter;
  readonly cancelled?: AbortSignal | undefined;
}

export async function send(
  gateway: Gateway,
  workflow: { readonly tenant: string; readonly human: string },
  session: Session,
  { event, record, runtime, presenter, cancelled }: Leaving,
  request: Request,
  timeoutMs: number,
): Promise<OutboundAnswer> {
  // The lock that came between commit and dispatch: any movement of the epoch stops the call here.
  const locks = gateway.locks.now(workflow.tenant);
  if (locks === null || locks.epoch !== event.lockEpoch) return notDispatched;
  // And what stopped this workflow alone: its end, or the step down to reading.
  const { status, readOnly } = session.state;
  if (status !== "open" || (readOnly && hasEffect(event.action))) return notDispatched;
  const operation = operationDigest(gateway.system.sha256, request.operation);
  const { claims, lifeSeconds } = callClaims(workflow, event, record, operation);
  const token = gateway.tokens.mint(workflow.tenant, claims, lifeSeconds);
  if (token === null) return notDispatched;
  if (isAborted(cancelled)) return notDispatched;
  const answer = await gateway.connectors.send(workflow.tenant, presenter, {
    ...{ call: event.call, token, request, timeoutMs, cancelled },
    cap: runtime.maxAnswerBytes,
  });
  // To a connector a cut is the end of the time that the call had; who had it ended is known here.
  const cut = !answer.ok && answer.code === "deadline_exceeded" && isAborted(cancelled);
  return cut ? { ...answer, code: "cancelled" } : answer;
}

/** Asked anew: it may have changed while the call was out. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

export const notDispatched: OutboundAnswer = { ok: false, code: "not_dispatched", effect: "none" };
