import type { Context } from "hono";
import { isObject } from "../../core/model/json.ts";
import { UNDO_MESSAGES, undoCall, undoPlan } from "../../gateway/undo.ts";
import { readJson } from "./body.ts";
import { waitOf } from "./headers.ts";
import { json, problem } from "./problem.ts";
import type { Authorised } from "./workflows.ts";

/** What the workflow named in `of` changed; it must be of the same human. */
export async function showPlan(
  context: Context,
  { gateway, caller }: Authorised,
): Promise<Response> {
  const of = context.req.query("of");
  if (of === undefined) return problem("invalid_request", { at: ["of"] });
  const steps = await undoPlan(gateway, caller, of);
  return steps === null ? problem("not_found") : json({ steps });
}

export async function takeBack(
  context: Context,
  { gateway, caller }: Authorised,
): Promise<Response> {
  const body = await readJson(context.req.raw);
  if (!body.ok) return problem(body.problem);
  const { value } = body;
  if (!isObject(value) || typeof value["call"] !== "string" || Object.keys(value).length !== 1) {
    return problem("invalid_request", { at: ["/call"] });
  }
  const waitMs = waitOf(context.req.header("prefer"));
  const undone = await undoCall(gateway, caller, value["call"], waitMs ?? undefined);
  if ("outcome" in undone) return json(undone.outcome);
  return json({ refused: { code: undone.code, message: UNDO_MESSAGES[undone.code] } });
}
