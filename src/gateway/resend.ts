import type { CallAdmitted, WorkflowEvent } from "../core/model/event.ts";
import { isObject, type Json } from "../core/model/json.ts";
import { operationDigest } from "../core/model/operation.ts";
import { approvedChange, executionOf, send } from "./outbound.ts";
import type { Gateway, OutboundAnswer, Session, StoredEvent } from "./ports.ts";
import { submitted } from "./record.ts";

/**
 * Once more, under its own idempotency key, to a service that acts only once on it: whatever became of
 * the first, after a success it has been done. Anything else says nothing of the first and leaves the
 * call unknown, a refusal, too: by now the state may be another, because the call has had its effect.
 * False: this tool's calls are never sent again.
 */
export async function resend(
  gateway: Gateway,
  tenant: string,
  session: Session,
  call: string,
): Promise<boolean> {
  const { state } = session;
  const admitted = admissionOf(await gateway.evidence.call(tenant, call));
  const runtime = admitted && gateway.bundles.active(tenant)?.tool(admitted.event.tool);
  const presenter = admitted && gateway.connectors.session(tenant, admitted.event.connector);
  if (admitted === null || runtime === undefined || runtime === null) return false;
  if (runtime.tool.resendMs === null || !runtime.sendsIdempotencyKey) return false;
  if (presenter === null) return true;
  const { event, hash: record } = admitted;
  const input = await session.inputAt(event.seq);
  const shape = runtime.shape(argumentsOf(input));
  const approved = await approvedChange(gateway, session, event);
  if (!shape.ok || approved === "gone") return false;
  const request = executionOf(event, runtime, shape.args, tenant, approved?.seal ?? null);
  const operation = operationDigest(gateway.system.sha256, request.operation);

  const txn = gateway.system.id("txn");
  const decided = await submitted(session, {
    ...{ type: "resend", call, operation, txn, presenter },
    effect: "possible",
  });
  if (decided?.result.kind !== "resent" || decided.event?.event.type !== "call.resent") return true;
  const { lockEpoch } = decided.event.event;
  const again = { ...event, txn, ...presenter, lockEpoch };
  const answer = await send(
    gateway,
    { tenant, human: state.human },
    session,
    { event: again, record, runtime, presenter },
    request,
    runtime.tool.timeoutMs,
  );
  if (!isDone(answer)) return true;
  const { session: nonce } = presenter;
  await submitted(session, { type: "reconcile", call, session: nonce, finding: "committed" });
  return true;
}

type Admission = StoredEvent & { readonly event: CallAdmitted & WorkflowEvent };

function admissionOf(events: readonly StoredEvent[]): Admission | null {
  const found = events.find((one): one is Admission => one.event.type === "call.admitted");
  return found ?? null;
}

/** Sealed with the decision; erased or run out, the call can no longer be made again. */
function argumentsOf(input: Json | null): Json {
  const command = isObject(input) ? input["command"] : undefined;
  return isObject(command) ? (command["arguments"] ?? null) : null;
}

/** Also a success whose words are unfit, too many, or no longer come: the service said that it did it. */
function isDone(answer: OutboundAnswer): boolean {
  const { status } = answer;
  return status !== undefined && status >= 200 && status < 300;
}
