import type { Presenter, Settlement } from "../core/model/command.ts";
import type { CallAdmitted, WorkflowEvent } from "../core/model/event.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { PreviewSeal } from "../core/model/operation.ts";
import type { FailureCode, Outcome } from "../core/model/outcome.ts";
import { hasEffect, type RedactionPlan } from "../core/model/policy.ts";
import type { Result } from "../core/session/decision.ts";
import { findCall, type WorkflowState } from "../core/session/state.ts";
import { approvalOutcome } from "./approval-outcome.ts";
import type { Caller } from "./call.ts";
import { sealOf, toKept } from "./observation.ts";
import { deliver } from "./failover.ts";
import { approvedChange, executionOf } from "./outbound.ts";
import { settledOutcome } from "./outcomes.ts";
import type {
  Bundle,
  Finished,
  Gateway,
  Kept,
  Observation,
  RawAnswer,
  Session,
  ToolRuntime,
} from "./ports.ts";
import { submitted } from "./record.ts";
import { unlessLocked } from "./withhold.ts";

export interface Admitted {
  readonly event: CallAdmitted & Pick<WorkflowEvent, "workflow">;
  /** Hash of that event. */
  readonly record: string;
  readonly bundle: Bundle;
  readonly runtime: ToolRuntime;
  readonly args: JsonObject;
  readonly mode: "preview" | "execute";
  readonly plan: RedactionPlan;
  readonly presenter: Presenter;
  /** What an undo has to be; null: any change the policies allow. */
  readonly expected: PreviewSeal | null;
  readonly cancelled?: AbortSignal | undefined;
}

/** What came back of an admitted call, before it is settled. */
interface Executed {
  readonly settlement: Settlement;
  readonly finished: Finished | null;
  /** Of a preview, or of a change that was made. */
  readonly observation: Observation | null;
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/** From the durable admission to the durable settlement; only then is the result released. */
export async function dispatch(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  admitted: Admitted,
): Promise<Outcome> {
  const { call } = admitted.event;
  const started = gateway.system.elapsed();
  const until = started + admitted.runtime.tool.timeoutMs;
  const executed = await execute(gateway, caller, session, admitted, until);
  const connector = findCall(session.state.inFlight, call)?.connector;
  const runtimeMs = Math.ceil(gateway.system.elapsed() - started);
  const reconcile = `/${caller.tenant}/v1/workflows/${caller.workflow}/calls/${call}`;
  const outcomeOf = (result: Result, state: WorkflowState): Outcome =>
    released(gateway, admitted, executed, result, state, reconcile);
  const settled = await submitted(
    session,
    { type: "settle", call, settlement: executed.settlement, runtimeMs },
    (result, state): Kept => ({
      outcome: outcomeOf(result, state) as unknown as Json,
      ...(executed.observation && {
        observation: toKept(admitted.args, executed.observation, saltOf(executed.settlement)),
      }),
    }),
  );
  if (settled === null || settled.result.kind !== "settled") {
    // The result is withheld: what cannot be recorded does not leave.
    return unrecorded(admitted, reconcile);
  }
  const { state, result } = settled;
  const outcome = unlessLocked(gateway, state, admitted.event, outcomeOf(result, state), connector);
  if ("result" in outcome) {
    gateway.sources.learn(caller, admitted.event, outcome.result);
  }
  return outcome;
}

function saltOf(settlement: Settlement): string | null {
  return settlement.kind === "previewed" ? settlement.seal.salt : null;
}

function released(
  gateway: Gateway,
  admitted: Admitted,
  { finished, observation, ...upstream }: Executed,
  result: Result,
  state: WorkflowState,
  reconcile: string,
): Outcome {
  const { bundle, args, event, runtime, plan } = admitted;
  if (result.kind !== "settled") return unrecorded(admitted, reconcile);
  if (result.outcome === "human_approval_required" && event.need !== null && observation !== null) {
    const shown = runtime.preview?.show(observation, plan) ?? null;
    // Arguments of an undo are values of before: for who may see all that its change may show.
    const known = admitted.expected === null || Object.values(plan).every(({ allow }) => allow);
    const told = known ? args : null;
    return approvalOutcome(gateway, state, event.need.id, bundle, told, shown);
  }
  return settledOutcome(event.call, result, finished, reconcile, upstream);
}

/** A defect of ours must not leave an admitted call without its end: it would hold its budget for good. */
async function execute(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  admitted: Admitted,
  until: number,
): Promise<Executed> {
  try {
    return admitted.mode === "preview"
      ? await preview(gateway, caller, session, admitted, until)
      : await perform(gateway, caller, session, admitted, until);
  } catch {
    return failed("internal_error", "possible");
  }
}

async function preview(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  admitted: Admitted,
  until: number,
): Promise<Executed> {
  const shower = admitted.runtime.preview;
  if (shower === null) return failed("preview_unavailable", "none");
  const request = shower.request(admitted.args);
  const answer = await deliver(gateway, caller, session, admitted, request, until);
  if (!answer.ok) return failed(answer.code, answer.effect, answer);
  const previewed = shower.read(answer, admitted.args);
  if (!previewed.ok) return failed(previewed.code, "none", previewed);
  const seal = sealOf(gateway, previewed.change, previewed.etag);
  if (admitted.expected !== null && admitted.expected.changes !== seal.changes) {
    return failed("preview_stale", "none");
  }
  return {
    settlement: { kind: "previewed", seal, classes: previewed.classes },
    finished: null,
    observation: previewed,
  };
}

async function perform(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  admitted: Admitted,
  until: number,
): Promise<Executed> {
  const { runtime, args, plan, event } = admitted;
  const approved = await approvedChange(gateway, session, event);
  if (approved === "gone") return failed("preview_unavailable", "none");
  const { expected } = admitted;
  // Asked for by a plain call with the same arguments: what humans approved is not this way back.
  if (expected && approved && approved.seal.changes !== expected.changes) {
    return failed("preview_stale", "none");
  }
  const request = executionOf(event, runtime, args, caller.tenant, approved?.seal ?? expected);
  // Over HTTP only an entity tag holds what happens against what has to, where humans approve it or not.
  if (expected?.etag === null && approved === null && "http" in request.operation) {
    return failed("preview_unavailable", "none");
  }
  const answer = await deliver(gateway, caller, session, admitted, request, until);
  if (!answer.ok) return failed(answer.code, answer.effect, answer);
  const finished = runtime.finish(answer, plan, args);
  const settlement = settlementOf(finished);
  const effect = hasEffect(runtime.tool.action) && settlement.kind === "answered";
  const seen = effect && answer.observed !== undefined ? runtime.preview?.read(answer, args) : null;
  return {
    settlement,
    finished,
    observation: seen?.ok === true ? seen : effect ? made(approved?.observation, answer) : null,
    ...(!finished.ok && finished.status !== undefined && { status: finished.status }),
  };
}

/** Over HTTP the approved change is the best that is known: its entity tag still held, and is another now. */
function made(approved: Observation | undefined, { etag }: RawAnswer): Observation | null {
  return approved === undefined ? null : { ...approved, etag: etag ?? null };
}

function settlementOf(finished: Finished): Settlement {
  if (!finished.ok) {
    // A 4xx is the service's own word that it refused; after anything else it may have acted.
    const effect = finished.code === "upstream_rejected" ? "none" : "possible";
    return { kind: "failed", code: finished.code, effect };
  }
  const { counts, dropped, undeclared, truncation, bytes, canaries } = finished;
  const truncated = truncation !== null;
  return { kind: "answered", redactions: counts, dropped, undeclared, truncated, bytes, canaries };
}

function failed(
  code: FailureCode,
  effect: "none" | "possible",
  { status, retryAfterMs }: Pick<Executed, "status" | "retryAfterMs"> = {},
): Executed {
  return {
    settlement: { kind: "failed", code, effect },
    finished: null,
    observation: null,
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function unrecorded(admitted: Admitted, reconcile: string): Outcome {
  const effect = hasEffect(admitted.runtime.tool.action) && admitted.mode === "execute";
  return settledOutcome(
    admitted.event.call,
    {
      kind: "settled",
      outcome: effect ? "outcome_unknown" : "failed",
      code: "audit_unavailable",
      ruleIds: [],
      policyVersion: admitted.bundle.view.digest,
    },
    null,
    reconcile,
  );
}
