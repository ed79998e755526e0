import { busy as busyOutcome } from "../../gateway/call.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { CROWDED, refusalResponse } from "../mcp/refusal.ts";
import { json, problem } from "./problem.ts";

/** Answers to a request that finds no place to wait: nothing of it was read, verified or recorded. */

/** Seconds. */
const RETRY_AFTER = "1";

/** The agent's own contract: a call that was not admitted. */
export function busy(gateway: Gateway): Response {
  return json(busyOutcome(gateway));
}

/** Over MCP the message was not read, so there is no id to answer to. */
export function protocolError(): Response {
  return refusalResponse(CROWDED);
}

export function unavailable(): Response {
  return problem("unavailable");
}

/**
 * Whoever floods has to connect again for each answer, and is accepted one at a time: answers that cost
 * them nothing would fill the turns of everybody else.
 */
export function hangUp(answer: Response): Response {
  answer.headers.set("retry-after", RETRY_AFTER);
  answer.headers.set("connection", "close");
  return answer;
}
