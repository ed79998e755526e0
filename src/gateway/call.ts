import type { Change } from "../core/model/change.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import { previewDigest } from "../core/model/operation.ts";
import type { FailureCode, Outcome } from "../core/model/outcome.ts";
import type { Result } from "../core/session/decision.ts";
import { BUSY_RETRY_MS, MAX_REPORTED_TOKENS } from "../core/session/limits.ts";
import type { WorkflowState } from "../core/session/state.ts";
import { approvalOutcome } from "./approval-outcome.ts";
import { dispatch } from "./dispatch.ts";
import { endOf, stillWaiting, WAIT_MS } from "./join.ts";
import { refusalOutcome } from "./outcomes.ts";
import { sealOf } from "./observation.ts";
import type { Gateway, Session } from "./ports.ts";
import { lookUp, prepared } from "./prepare.ts";
import { found, submitted } from "./record.ts";

/** Who is asking: what a verified credential and proof say. */
export interface Caller {
  readonly tenant: string;
  readonly workflow: string;
  readonly seat: string;
  readonly agent: string;
  /** Tenant-keyed pseudonym. */
  readonly human: string;
}

export interface Expected {
  readonly change: Change;
  /** Over HTTP: of the state that it changes; null: not known. */
  readonly etag: string | null;
}

export interface CallRequest {
  readonly tool: string;
  readonly arguments: Json;
  /** The agent's own, so that it may send the call again without doing it twice. */
  readonly idempotencyKey: string | null;
  /** What this call has to be, exactly: an undo. */
  readonly expects?: Expected;
  /** Tokens of models that the agent used since it last said so: counted before this call is decided. */
  readonly usage?: number;
  /** Milliseconds that it may wait for humans. Absent: as long as any. */
  readonly waitMs?: number;
  /** The agent takes it back: it is stopped where it is, and has an end like any other call. */
  readonly cancelled?: AbortSignal;
}

/** Characters of an idempotency key. */
const MAX_KEY_CHARS = 128;

/** Tokens that an agent may report at a time. */
export function soundUsage(tokens: unknown): tokens is number {
  return (
    typeof tokens === "number" &&
    Number.isSafeInteger(tokens) &&
    tokens > 0 &&
    tokens <= MAX_REPORTED_TOKENS
  );
}

/** Visible ASCII, so that every surface, log and service reads the same key. */
export function soundIdempotencyKey(key: string): boolean {
  return key.length <= MAX_KEY_CHARS && /^[\x21-\x7e]+$/.test(key);
}

/**
 * The path of one call. Admission is durable before anything leaves (P1); settlement is durable
 * before the result is released. A call that was sent before joins it: its approval, or its end.
 * Resolves with an outcome in every case (P11).
 */
export async function callTool(
  gateway: Gateway,
  caller: Caller,
  request: CallRequest,
): Promise<Outcome> {
  const call = gateway.system.id("call");
  const started = gateway.system.elapsed();
  const until = started + Math.min(request.waitMs ?? WAIT_MS, WAIT_MS);
  const unreported = await report(gateway, caller, request.usage);
  if (unreported !== null) return refusalOutcome(call, "", unreported);
  for (;;) {
    // While it waited for humans: what they decide is carried out for whoever asks again.
    if (request.cancelled?.aborted === true) return unadmitted(call, "cancelled");
    const session = await found(gateway, caller);
    if (session === null) return unadmitted(call, "audit_unavailable");
    const tried = await attempt(gateway, caller, session, request, call);
    if ("outcome" in tried) return tried.outcome;
    if ("joined" in tried) {
      return endOf(gateway, caller, session, tried.joined, started + WAIT_MS);
    }
    const waited = await stillWaiting(gateway, session, tried.waiting, until);
    if (waited !== null) return waited;
  }
}

/** What a call meets for which there is not even a place to wait: nothing of it was looked at. */
export function busy({ system }: Pick<Gateway, "system">): Outcome {
  const failed = { kind: "failed", code: "busy", retryAfterMs: BUSY_RETRY_MS } as const;
  return refusalOutcome(system.id("call"), "", failed);
}

/** Null: counted. A seat that has ended has nothing counted; the call says so itself. */
async function report(
  gateway: Gateway,
  { seat, ...place }: Caller,
  tokens: number | undefined,
): Promise<Extract<Result, { kind: "failed" }> | null> {
  if (tokens === undefined) return null;
  const session = await found(gateway, place);
  const reported = session && (await submitted(session, { type: "reportUsage", seat, tokens }));
  if (reported === null) return { kind: "failed", code: "audit_unavailable" };
  return reported.result.kind === "failed" ? reported.result : null;
}

type Tried =
  | { readonly outcome: Outcome }
  | { readonly waiting: string }
  | { readonly joined: string };

async function attempt(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  request: CallRequest,
  call: string,
): Promise<Tried> {
  const found = await lookUp(gateway, caller, request);
  if (found === null) return { outcome: unadmitted(call, "policy_unavailable") };
  const ready = prepared(gateway, caller.tenant, found);
  if (ready === null) return attempt(gateway, caller, session, request, call);
  const { bundle, runtime, shape, shaped, presenter } = ready;

  // Arguments of an undo are values of before: its agent did not send them, and may not see them.
  const asked = (state: WorkflowState, id: string, args: JsonObject): Outcome =>
    approvalOutcome(gateway, state, id, bundle, request.expects === undefined ? args : null);
  const expected =
    request.expects === undefined
      ? null
      : sealOf(gateway, request.expects.change, request.expects.etag);
  // In the turn of `prepared`: both see the same bundle.
  const admission = await submitted(
    session,
    {
      type: "call",
      call,
      txn: gateway.system.id("txn"),
      seat: caller.seat,
      tool: request.tool,
      arguments: request.arguments,
      shaped,
      presenter,
      approval: gateway.system.id("apr"),
      idempotencyKey: request.idempotencyKey,
      ...(expected && { expects: previewDigest(gateway.system.sha256, expected) }),
    },
    (result, state) =>
      result.kind === "asked" && runtime !== undefined && shape?.ok === true
        ? { outcome: asJson(asked(state, result.approval, shape.args)) }
        : {},
  );
  if (admission === null) return { outcome: unadmitted(call, "audit_unavailable") };
  const { result, state } = admission;
  if (result.kind === "denied" || result.kind === "failed") {
    const fault = shape?.ok === false ? shape : undefined;
    return { outcome: refusalOutcome(call, bundle.view.digest, result, fault) };
  }
  if (result.kind === "waiting") return { waiting: result.approval };
  if (result.kind === "joined") return { joined: result.call };
  if (result.kind === "conflict") {
    return { outcome: unadmitted(call, "idempotency_conflict") };
  }
  if (runtime === undefined || shape?.ok !== true) return unfit(call);
  const { args } = shape;
  if (result.kind === "asked") {
    return { outcome: asked(state, result.approval, args) };
  }
  const event = admission.event;
  if (result.kind !== "admitted" || presenter === null) return unfit(call);
  if (event === null || event.event.type !== "call.admitted") return unfit(call);
  const { mode, plan } = result;
  const { hash: record } = event;
  const admitted = {
    ...{ event: event.event, record, bundle, runtime, args, mode, plan, presenter },
    ...{ expected, cancelled: request.cancelled },
  };
  return { outcome: await dispatch(gateway, caller, session, admitted) };
}

function unfit(call: string): Tried {
  return { outcome: unadmitted(call, "internal_error") };
}

function unadmitted(call: string, code: FailureCode): Outcome {
  return refusalOutcome(call, "", { kind: "failed", code });
}

function asJson(outcome: Outcome): Json {
  return outcome as unknown as Json;
}
