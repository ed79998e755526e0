import { z } from "zod";
import type { Json } from "../../core/model/json.ts";
import type { Caller } from "../../gateway/call.ts";
import { evaluateCall, type Evaluation } from "../../gateway/evaluate.ts";
import type { Gateway } from "../../gateway/ports.ts";

/**
 * AuthZEN Authorization API 1.0, `/access/v1/evaluation`: may this agent make this call now? The
 * subject is whoever asks: what others may do is none of its business (P7).
 */
const properties = z.record(z.string(), z.json()).optional();
export const evaluationRequest = z.strictObject({
  subject: z.strictObject({ type: z.literal("agent"), id: z.string(), properties }),
  action: z.strictObject({ name: z.literal("call"), properties }),
  resource: z.strictObject({ type: z.literal("tool"), id: z.string(), properties }),
  context: z
    .strictObject({ arguments: z.json().optional() })
    .optional()
    .describe("The arguments of the call; absent, it has none."),
});

export const evaluationAnswer = z.object({
  decision: z.boolean(),
  context: z
    .looseObject({ outcome: z.string() })
    .describe("What the call would end in: rule ids of a denial, kinds of an approval."),
});

/** X-Request-ID comes back as it was sent, if it is one that can stand in a header. */
const REQUEST_ID = /^[\x21-\x7e]{1,256}$/;

export type Asked =
  | { readonly ok: true; readonly tool: string; readonly arguments: Json }
  | { readonly ok: false; readonly at: readonly string[] };

/** Every place where the request is not one, as JSON Pointers. */
export function readEvaluation(body: Json, agent: string): Asked {
  const parsed = evaluationRequest.safeParse(body);
  if (!parsed.success) {
    return { ok: false, at: parsed.error.issues.map(({ path }) => `/${path.join("/")}`) };
  }
  const { subject, resource, context } = parsed.data;
  if (subject.id !== agent) return { ok: false, at: ["/subject/id"] };
  return { ok: true, tool: resource.id, arguments: (context?.arguments ?? {}) as Json };
}

/** A denial is an answer like any other: 200. */
export async function evaluate(
  gateway: Gateway,
  caller: Caller,
  asked: Extract<Asked, { ok: true }>,
): Promise<{ readonly decision: boolean; readonly context: Evaluation }> {
  const context = await evaluateCall(gateway, caller, asked);
  return { decision: context.outcome === "ok", context };
}

export function echoed(request: Request): Readonly<Record<string, string>> {
  const id = request.headers.get("x-request-id");
  return id !== null && REQUEST_ID.test(id) ? { "x-request-id": id } : {};
}
