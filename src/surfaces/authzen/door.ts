import { CALL_TOKEN_HEADER } from "../../core/model/claims.ts";
import { parseStrict } from "../../core/model/json.ts";
import type { Caller } from "../../gateway/call.ts";
import { readText } from "../rest/body.ts";
import { json, problem } from "../rest/problem.ts";
import { callerOfToken, type OwnTokens } from "./call-token.ts";
import { echoed, evaluate, readEvaluation } from "./evaluation.ts";

export interface EvaluationDoor extends OwnTokens {
  /** By workflow credential and proof; otherwise what to answer. */
  authenticate(request: Request): Promise<Caller | Response>;
}

/** As much as the arguments of a call may be, and room for the question around them. */
const MAX_QUESTION_BYTES = 4 * 1_024 * 1_024;

/**
 * `POST /{tenant}/access/v1/evaluation`, asked by an agent with its credential, or by a connector on
 * its behalf, with the call token of the tool that this endpoint is to the agent.
 */
export async function evaluation(door: EvaluationDoor, request: Request): Promise<Response> {
  const token = request.headers.get(CALL_TOKEN_HEADER);
  const asking = token === null ? await door.authenticate(request) : null;
  if (asking instanceof Response) return asking;
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) return problem("unsupported_media_type");
  const text = await readText(request, MAX_QUESTION_BYTES);
  if (!text.ok) return problem(text.problem);
  const caller = asking ?? (await presenterOf(door, token ?? "", request, text.value));
  if (caller === null) return problem("unauthenticated");
  const body = parseStrict(text.value);
  if (!body.ok) return problem("malformed_json");
  const asked = readEvaluation(body.value, caller.agent);
  if (!asked.ok) return problem("invalid_request", { at: asked.at });
  const answer = json(await evaluate(door.gateway, caller, asked));
  for (const [name, value] of Object.entries(echoed(request))) answer.headers.set(name, value);
  return answer;
}

/** The token covers the whole request, so the body is read before it can be believed. */
function presenterOf(
  door: EvaluationDoor,
  token: string,
  request: Request,
  body: string,
): Promise<Caller | null> {
  const { pathname, search } = new URL(request.url);
  return callerOfToken(door, token, { path: pathname, query: search.slice(1), body });
}
