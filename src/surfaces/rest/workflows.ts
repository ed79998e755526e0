import type { Context } from "hono";
import { canonical, isObject } from "../../core/model/json.ts";
import { callLocks } from "../../core/session/locks.ts";
import { findSeat } from "../../core/session/state.ts";
import { type Caller, callTool, soundUsage } from "../../gateway/call.ts";
import { keptOutcome } from "../../gateway/join.ts";
import { recordedOutcome } from "../../gateway/outcomes.ts";
import {
  AuditUnavailable,
  type Gateway,
  type Session,
  type StoredEvent,
} from "../../gateway/ports.ts";
import { DEFAULT_FOUND, MAX_FOUND } from "../../tools/selection.ts";
import { listedTools } from "../listed-tools.ts";
import { readJson } from "./body.ts";
import { idempotencyKeyOf, waitOf } from "./headers.ts";
import { json, problem } from "./problem.ts";

/** Events of one page; a client asks for the next with `after`. */
const MAX_PAGE = 1_000;

/** An authenticated request to one workflow: the credential names the workflow, the path must agree. */
export interface Authorised {
  readonly gateway: Gateway;
  readonly caller: Caller;
  readonly session: Session;
}

type Handler = (context: Context, authorised: Authorised) => Promise<Response>;

export const showWorkflow: Handler = async (_context, { session }) => {
  const { state } = session;
  return json({
    workflow: state.workflow,
    status: state.status,
    agent: state.agent,
    purpose: state.purpose,
    expiresAt: new Date(state.expiresAt).toISOString(),
    limits: state.limits,
    used: state.used,
    labels: state.labels,
    writeDomains: Object.keys(state.writeDomains).sort(),
    inFlight: state.inFlight.length,
    readOnly: state.readOnly,
  });
};

export const makeCall: Handler = async (context, { gateway, caller }) => {
  const body = await readJson(context.req.raw);
  if (!body.ok) return problem(body.problem);
  const { value } = body;
  if (!isObject(value) || typeof value["tool"] !== "string") {
    return problem("invalid_request", { at: ["/tool"] });
  }
  const unknown = Object.keys(value).filter((key) => key !== "tool" && key !== "arguments");
  if (unknown.length > 0) return problem("invalid_request", { at: ["/"] });
  const idempotencyKey = idempotencyKeyOf(context.req.header("idempotency-key"));
  const waitMs = waitOf(context.req.header("prefer"));
  if (idempotencyKey === undefined) return problem("invalid_request", { at: ["Idempotency-Key"] });
  const outcome = await callTool(gateway, caller, {
    tool: value["tool"],
    arguments: value["arguments"] ?? {},
    idempotencyKey,
    ...(waitMs !== null && { waitMs }),
  });
  // Nothing of it was recorded, so there is no call to tell of.
  const conflict = outcome.outcome === "failed" && outcome.reason.code === "idempotency_conflict";
  return conflict ? problem("idempotency_conflict") : json(outcome);
};

/** What this seat is offered now; with `task`, what fits it, the best first. */
export const showTools: Handler = async (context, { gateway, caller }) => {
  const task = context.req.query("task");
  const most = wholeNumber(context.req.query("limit"), DEFAULT_FOUND);
  if (most === null || most < 1 || most > MAX_FOUND || task === "") {
    return problem("invalid_request", { at: ["/task", "/limit"] });
  }
  const question = task === undefined ? null : { task, most };
  return json({ tools: await listedTools(gateway, caller, question) });
};

/** One call as the record has it; the reconcile link of an `outcome_unknown`. */
export const showCall: Handler = async (context, { gateway, caller, session }) => {
  const events = await gateway.evidence.call(caller.tenant, context.req.param("call") ?? "");
  const own = events.filter(({ event }) => event.workflow === caller.workflow);
  if (own.length === 0) return problem("not_found");
  return json({ events: own, outcome: await outcomeOf(gateway, session, caller, own) });
};

/** As its agent got it, while that is kept; then as the record tells it. Null: it has not ended. */
async function outcomeOf(
  gateway: Gateway,
  session: Session,
  caller: Caller,
  events: readonly StoredEvent[],
): Promise<unknown> {
  const call = events[0]?.event;
  if (call === undefined || !("call" in call) || call.call === null) return null;
  // Another seat of the workflow may see less than this one did.
  if (!("seat" in call) || call.seat !== caller.seat) return recordedOutcome(caller, events);
  return keptOutcome(gateway, session, caller, call.call, events);
}

export const listEvents: Handler = async (context, { gateway, caller }) => {
  const after = wholeNumber(context.req.query("after"), -1);
  const limit = wholeNumber(context.req.query("limit"), MAX_PAGE);
  // SQLite reads a negative LIMIT as none at all.
  if (after === null || limit === null || limit < 1) {
    return problem("invalid_request", { at: ["/after", "/limit"] });
  }
  const page = Math.min(limit, MAX_PAGE);
  const events = await gateway.evidence.events(caller.tenant, caller.workflow, after, page);
  return json({ events, next: events.length === page ? events.at(-1)?.event.seq : null });
};

/** Its own: another seat of the workflow may have seen less, or more. */
export const getCheckpoint: Handler = async (_context, { gateway, caller, session }) => {
  const { tenant, workflow, seat } = caller;
  // Withheld like a result (P4): what was saved may have come out of one.
  const locked = callLocks(gateway.locks.now(tenant), session.state, seat, {});
  if (locked.length > 0) return problem("conflict");
  const checkpoint = await gateway.evidence.checkpoint(tenant, workflow, seat);
  return checkpoint === null ? problem("not_found") : json(checkpoint);
};

export const putCheckpoint: Handler = async (context, { caller, session }) => {
  const body = await readJson(context.req.raw);
  if (!body.ok) return problem(body.problem);
  const bytes = Buffer.byteLength(canonical(body.value));
  return changed(session, { type: "checkpoint", seat: caller.seat, value: body.value, bytes });
};

/** What the agent's models used; stops its next call once a ceiling is reached, and no earlier one. */
export const reportUsage: Handler = async (context, { caller, session }) => {
  const body = await readJson(context.req.raw);
  if (!body.ok) return problem(body.problem);
  const { tokens, ...more } = isObject(body.value) ? body.value : {};
  if (!soundUsage(tokens) || Object.keys(more).length > 0) {
    return problem("invalid_request", { at: ["/tokens"] });
  }
  return changed(session, { type: "reportUsage", seat: caller.seat, tokens });
};

export const closeWorkflow: Handler = async (_context, { caller, session }) =>
  findSeat(session.state, caller.seat)?.parent === null
    ? changed(session, { type: "close", seat: caller.seat })
    : problem("forbidden");

async function changed(
  session: Session,
  command: Parameters<Session["submit"]>[0],
): Promise<Response> {
  try {
    const { result, event } = await session.submit(command);
    if (result.kind === "failed") return problem("unavailable");
    return result.kind === "done" ? json({ seq: event?.event.seq }) : problem("conflict");
  } catch (error) {
    if (error instanceof AuditUnavailable) return problem("unavailable");
    throw error;
  }
}

function wholeNumber(text: string | undefined, otherwise: number): number | null {
  if (text === undefined) return otherwise;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}
