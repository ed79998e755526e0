import type { Context, MiddlewareHandler, TypedResponse } from "hono";
import { verifyCall, type VerifiedCall, type VerifyOptions } from "../../src/sdk/verify.ts";

/** What a route knows of its caller once the call token was verified and spent. */
export interface Governed {
  readonly Variables: { readonly call: VerifiedCall };
}

export type Trust = Omit<VerifyOptions, "tool">;

/**
 * One call token is good for one request of one tool, so each route names its tool. The connector
 * checked the same token before; a service need not take its word for it.
 */
export function callTokenFor(tool: string, trust: Trust): MiddlewareHandler<Governed> {
  return async (context, next) => {
    // A copy, because the token covers the body and the route reads it again.
    const call = await verifyCall(context.req.raw.clone(), { ...trust, tool });
    if (!call.ok)
      return problem(context, call.status as 401 | 403 | 413 | 503, call.code, call.message);
    context.set("call", call);
    await next();
  };
}

/** RFC 9457. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
};

/** The code is for programs, the title for people; neither repeats what was sent. */
export function problem<Status extends 400 | 401 | 403 | 404 | 413 | 500 | 503>(
  context: Context,
  status: Status,
  code: string,
  title: string,
): Response & TypedResponse<Problem, Status, "json"> {
  const body: Problem = { type: "about:blank", title, status, code };
  return context.json(body, status, { "content-type": "application/problem+json" });
}
