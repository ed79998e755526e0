import type { Command, Presenter, Settlement } from "../core/model/command.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import { operationDigest } from "../core/model/operation.ts";
import type { FailureCode, Outcome } from "../core/model/outcome.ts";
import { hasEffect, type RedactionPlan } from "../core/model/policy.ts";
import { callClaims } from "./call-claims.ts";
import { refusalOutcome, settledOutcome } from "./outcomes.ts";
import {
  AuditUnavailable,
  type Bundle,
  type Committed,
  type Finished,
  type Gateway,
  type OutboundAnswer,
  type Session,
  type ToolRuntime,
} from "./ports.ts";

/** Who is asking: what a verified credential and proof say. */
export interface Caller {
  readonly tenant: string;
  readonly workflow: string;
  readonly seat: string;
  readonly agent: string;
  /** Tenant-keyed pseudonym. */
  readonly human: string;
}

export interface CallRequest {
  readonly tool: string;
  readonly arguments: Json;
}

/**
 * The path of one call. Admission is durable before anything leaves (P1); settlement is durable
 * before the result is released. Resolves with an outcome in every case (P11).
 */
export async function callTool(
  gateway: Gateway,
  caller: Caller,
  request: CallRequest,
): Promise<Outcome> {
  const call = gateway.system.id("call");
  const session = await found(gateway, caller);
  if (session === null) return unadmitted(call, "audit_unavailable");
  const bundle = gateway.bundles.active(caller.tenant);
  if (bundle === null) return unadmitted(call, "policy_unavailable");
  const runtime = bundle.tool(request.tool);
  const shaped = runtime?.shape(request.arguments) ?? null;
  const presenter =
    runtime === undefined
      ? null
      : gateway.connectors.choose(caller.tenant, runtime.network, runtime.tier);
  const txn = gateway.system.id("txn");

  // No await between the look at the bundle and this submit: both see the same one.
  const admission = await submitted(session, {
    type: "call",
    call,
    txn,
    seat: caller.seat,
    tool: request.tool,
    arguments: request.arguments,
    shaped: shaped?.ok === true ? { ok: true, policyArguments: shaped.policyArguments } : shaped,
    presenter,
  });
  if (admission === null) return unadmitted(call, "audit_unavailable");
  const { result } = admission;
  if (result.kind === "denied" || result.kind === "failed") {
    const at = shaped?.ok === false ? shaped.at : undefined;
    return refusalOutcome(call, bundle.view.digest, result, at);
  }
  if (
    result.kind !== "admitted" ||
    runtime === undefined ||
    shaped?.ok !== true ||
    presenter === null
  ) {
    return unadmitted(call, "internal_error");
  }
  return dispatch(gateway, caller, session, {
    call,
    bundle,
    runtime,
    args: shaped.args,
    plan: result.plan,
    presenter,
    admission,
  });
}

interface Admitted {
  readonly call: string;
  readonly bundle: Bundle;
  readonly runtime: ToolRuntime;
  readonly args: JsonObject;
  readonly plan: RedactionPlan;
  readonly presenter: Presenter;
  readonly admission: Committed;
}

async function dispatch(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  admitted: Admitted,
): Promise<Outcome> {
  const started = gateway.system.elapsed();
  const { answer, finished } = await execute(gateway, caller, admitted);
  const settlement = settlementOf(answer, finished);
  const runtimeMs = Math.ceil(gateway.system.elapsed() - started);
  const reconcile = `/${caller.tenant}/v1/workflows/${caller.workflow}/calls/${admitted.call}`;
  const settled = await submitted(session, {
    type: "settle",
    call: admitted.call,
    settlement,
    runtimeMs,
  });
  if (settled === null || settled.result.kind !== "settled") {
    // The result is withheld: what cannot be recorded does not leave.
    return unrecorded(admitted, reconcile);
  }
  const status = answer.ok ? (finished?.ok === false ? finished.status : undefined) : answer.status;
  return settledOutcome(admitted.call, settled.result, finished, reconcile, status);
}

interface Executed {
  readonly answer: OutboundAnswer;
  readonly finished: Finished | null;
}

/** A defect of ours must not leave an admitted call without its end: it would hold its budget for good. */
async function execute(gateway: Gateway, caller: Caller, admitted: Admitted): Promise<Executed> {
  try {
    const answer = await send(gateway, caller, admitted);
    return {
      answer,
      finished: answer.ok ? admitted.runtime.finish(answer, admitted.plan) : null,
    };
  } catch {
    const answer = { ok: false, code: "internal_error", effect: "possible" } as const;
    return { answer, finished: null };
  }
}

async function send(gateway: Gateway, caller: Caller, admitted: Admitted): Promise<OutboundAnswer> {
  const { runtime, plan, presenter, admission } = admitted;
  const event = admission.event;
  if (event === null || event.event.type !== "call.admitted") return notDispatched;
  // The lock that came between commit and dispatch: any movement of the epoch stops the call here.
  const locks = gateway.locks.now(caller.tenant);
  if (locks === null || locks.epoch !== event.event.lockEpoch) return notDispatched;
  const request = runtime.request(admitted.args, plan);
  const operation = operationDigest(gateway.system.sha256, request.operation);
  const { claims, lifeSeconds } = callClaims(caller, event.event, event.hash, operation);
  const token = gateway.tokens.mint(caller.tenant, claims, lifeSeconds);
  return gateway.connectors.send(caller.tenant, presenter, {
    token,
    request,
    cap: runtime.tool.maxResultBytes,
    timeoutMs: runtime.tool.timeoutMs,
  });
}

const notDispatched: OutboundAnswer = { ok: false, code: "not_dispatched", effect: "none" };

function settlementOf(answer: OutboundAnswer, finished: Finished | null): Settlement {
  if (!answer.ok) return { kind: "failed", code: answer.code, effect: answer.effect };
  if (finished === null) return { kind: "failed", code: "internal_error", effect: "possible" };
  if (!finished.ok) {
    // A 4xx is the service's own word that it refused; after anything else it may have acted.
    const effect = finished.code === "upstream_rejected" ? "none" : "possible";
    return { kind: "failed", code: finished.code, effect };
  }
  const { counts, dropped, undeclared, truncated, bytes } = finished;
  return { kind: "answered", redactions: counts, dropped, undeclared, truncated, bytes };
}

/** Null: the record cannot be read, or is broken; nothing is added to it. */
async function found(gateway: Gateway, caller: Caller): Promise<Session | null> {
  try {
    return await gateway.sessions.find(caller.tenant, caller.workflow);
  } catch (error) {
    if (error instanceof AuditUnavailable) return null;
    throw error;
  }
}

/** Null when the record could not be made durable: then nothing of it happened. */
async function submitted(session: Session, command: Command): Promise<Committed | null> {
  try {
    return await session.submit(command);
  } catch (error) {
    if (error instanceof AuditUnavailable) return null;
    throw error;
  }
}

function unadmitted(call: string, code: FailureCode): Outcome {
  return refusalOutcome(call, "", { kind: "failed", code });
}

function unrecorded(admitted: Admitted, reconcile: string): Outcome {
  const code: FailureCode = "audit_unavailable";
  const effect = hasEffect(admitted.runtime.tool.action);
  return settledOutcome(
    admitted.call,
    {
      kind: "settled",
      outcome: effect ? "outcome_unknown" : "failed",
      code,
      ruleIds: [],
      policyVersion: admitted.bundle.view.digest,
    },
    null,
    reconcile,
  );
}
