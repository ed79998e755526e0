import type { Context } from "hono";
import { canonical, isObject } from "../../core/model/json.ts";
import { type Caller, callTool } from "../../gateway/call.ts";
import { AuditUnavailable, type Gateway, type Session } from "../../gateway/ports.ts";
import { readJson } from "./body.ts";
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
  const request = { tool: value["tool"], arguments: value["arguments"] ?? {} };
  return json(await callTool(gateway, caller, request));
};

/** One call as the record has it; the reconcile link of an `outcome_unknown`. */
export const showCall: Handler = async (context, { gateway, caller }) => {
  const events = await gateway.evidence.call(caller.tenant, context.req.param("call") ?? "");
  const own = events.filter(({ event }) => event.workflow === caller.workflow);
  if (own.length === 0) return problem("not_found");
  return json({ events: own });
};

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

export const getCheckpoint: Handler = async (_context, { gateway, caller }) => {
  const checkpoint = await gateway.evidence.checkpoint(caller.tenant, caller.workflow);
  return checkpoint === null ? problem("not_found") : json(checkpoint);
};

export const putCheckpoint: Handler = async (context, { caller, session }) => {
  const body = await readJson(context.req.raw);
  if (!body.ok) return problem(body.problem);
  const bytes = Buffer.byteLength(canonical(body.value));
  return changed(session, { type: "checkpoint", seat: caller.seat, value: body.value, bytes });
};

export const closeWorkflow: Handler = async (_context, { caller, session }) =>
  changed(session, { type: "close", seat: caller.seat });

async function changed(
  session: Session,
  command: Parameters<Session["submit"]>[0],
): Promise<Response> {
  try {
    const { result, event } = await session.submit(command);
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
